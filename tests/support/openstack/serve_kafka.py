"""Holds a Kafka cluster of librdkafka's own tests: serve_kafka.py <file for its address>.

It speaks Kafka's protocol on a port that it chooses; what it holds is in memory.
"""

import os
import sys

from confluent_kafka import Producer

TOPICS = ("metrics", "events", "alarm-state-transitions")

cluster = Producer({"test.mock.num.brokers": 1})
broker = next(iter(cluster.list_topics(timeout=60).brokers.values()))
address = f"{broker.host}:{broker.port}"
client = Producer({"bootstrap.servers": address})
for topic in TOPICS:
    # Whoever asks for a topic makes it.
    client.list_topics(topic, timeout=60)
partial = sys.argv[1] + ".partial"
with open(partial, "w") as file:
    file.write(address)
# Complete or not there at all.
os.rename(partial, sys.argv[1])
while True:
    cluster.poll(1)
