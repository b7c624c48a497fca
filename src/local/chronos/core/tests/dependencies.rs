//! Jobs that wait for jobs.

use super::*;

impl Sim {
    fn depend(&mut self, name: &str, parents: &[&str]) -> Answer {
        let body = json!({"name": name, "command": "work", "cpus": 0.1, "parents": parents, "arguments": ["x"]});
        let answer = self.event(Event::Depend(decode(&body, self.core.version(), self.now).unwrap()));
        self.wait(0.2);
        answer
    }

    fn run(&mut self, name: &str) {
        self.start(name).unwrap();
        self.wait(1.0);
        self.finish_last();
    }

    fn launched(&self) -> Vec<&str> {
        self.launches.iter().map(|order| order.task.split(':').nth(3).unwrap()).collect()
    }
}

#[test]
fn a_child_runs_when_all_its_parents_have_succeeded() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.create("b", NEVER, json!({}));
        assert_eq!(sim.depend("only", &["a"]), Ok(()));
        assert_eq!(sim.depend("both", &["a", "b"]), Ok(()));
        sim.run("a");
        sim.wait(1.0);
        assert_eq!(sim.launched(), ["a", "only"]);
        sim.finish_last();
        sim.run("b");
        sim.wait(1.0);
        assert_eq!(sim.launched(), ["a", "only", "b", "both"]);
        assert!(sim.core.csv().ends_with("link,a,only\nlink,a,both\nlink,b,both\n"), "{}", sim.core.csv());
        assert_eq!(sim.core.dot().matches("->").count(), 3);
        assert_eq!(sim.job("both")["parents"], json!(["a", "b"]));
        assert!(sim.job("both").get("schedule").is_none());
    }
}

#[test]
fn a_failure_starts_children_only_when_it_is_soft() {
    for soft in [false, true] {
        let mut sim = Sim::new(V2_4);
        sim.create("a", NEVER, json!({"retries": 0, "softError": soft}));
        sim.depend("b", &["a"]).unwrap();
        sim.start("a").unwrap();
        sim.wait(1.0);
        sim.end_last(TaskEnd::Code(1));
        sim.wait(3.0);
        assert_eq!(sim.launches.len(), if soft { 2 } else { 1 });
    }
}

#[test]
fn parents_must_be_named_and_known() {
    let mut sim = Sim::new(V2_4);
    assert!(matches!(sim.depend("b", &[]), Err(Refusal::Failure(_))));
    assert!(matches!(sim.depend("b", &["a"]), Err(Refusal::Requirement(_))));
    sim.create("a", NEVER, json!({}));
    sim.depend("b", &["a"]).unwrap();
    sim.depend("c", &["b"]).unwrap();
    assert!(matches!(sim.depend("b", &["c"]), Err(Refusal::Failure(_))), "it would wait for itself");
    assert!(matches!(sim.depend("b", &[]), Err(Refusal::Requirement(_))));
}

#[test]
fn in_3_a_child_comes_to_light_with_its_parents() {
    let mut sim = Sim::new(V3_0);
    assert_eq!(sim.depend("b", &["a"]), Ok(()));
    assert!(sim.core.find("b").is_none());
    sim.create("a", NEVER, json!({}));
    assert!(sim.core.find("b").is_some());
}

#[test]
fn the_children_of_a_deleted_job_inherit_its_trigger() {
    for version in BOTH {
        let mut sim = Sim::new(version);
        sim.create("a", NEVER, json!({}));
        sim.depend("b", &["a"]).unwrap();
        sim.depend("c", &["b"]).unwrap();
        sim.event(Event::Delete("b".into())).unwrap();
        assert_eq!(sim.job("c")["parents"], json!(["a"]));
        sim.event(Event::Delete("a".into())).unwrap();
        let heir = sim.job("c");
        assert_eq!((&heir["schedule"], &heir["arguments"], &heir["cpus"]), (&json!(NEVER), &json!([]), &json!(0.1)));
        assert_eq!(sim.core.jobs().count(), 1);
    }
}
