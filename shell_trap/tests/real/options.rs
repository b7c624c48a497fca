//! What a container was started with it has on every node: published ports, privileges.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::node::{AGENT, Restores, capabilities, has_sys_resource};
use crate::support::task::Job;
use crate::support::{Bench, Node, Supervisor, eventually};

/// A port that is free now, as the framework assigns them.
fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// What the program behind a port of this machine says: the step that it is at. Nothing when nobody answers.
fn answer(port: u16) -> Option<u64> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[test]
fn a_published_port_answers_on_each_node_that_the_job_comes_to() {
    const INSIDE: u16 = 8080;
    let bench = Bench::for_sockets();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let mut job = Job::new(&bench, &supervisor, 1_000_000, 2_000_000, 7, 1);
    job.spec["args"].as_array_mut().unwrap().push(json!(INSIDE.to_string()));
    job.spec["network"] = json!("bridge");
    let fixed = free_port();
    // One that the framework assigns, another one for each task, and one that is always the same.
    job.spec["ports"] = json!([{"container": INSIDE, "host": 0, "protocol": "tcp"}, {"container": 9, "host": fixed, "protocol": "udp"}]);
    let mut last = 0;
    for segment in 0..3 {
        let node = &nodes[segment % 2];
        let assigned = free_port();
        let mut command = job.command(node, 1.0);
        let mut task = job.spawn({
            command.env("PORT0", assigned.to_string());
            command
        });
        let start = job.started(&mut task, segment);
        if segment > 0 {
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
        }
        let bindings = &node.inspect(&job.hex())["HostConfig"]["PortBindings"];
        let wanted = json!({(format!("{INSIDE}/tcp")): [{"HostIp": "", "HostPort": assigned.to_string()}],
            "9/udp": [{"HostIp": "", "HostPort": fixed.to_string()}]});
        assert_eq!(bindings, &wanted, "segment {segment}");
        // The program has its socket still, and what it counts.
        let said = eventually("an answer through the published port", || {
            assert!(task.running(), "{}", task.log());
            answer(assigned)
        });
        assert!(said > last, "segment {segment}: step {said} after {last}");
        last = eventually("another answer", || answer(assigned).filter(|step| *step > said));
        if segment < 2 {
            task.stop();
            assert_eq!(answer(assigned), None, "the port is free again");
        } else {
            bench.enough();
            assert_eq!(task.wait().code(), Some(7), "{}", task.log());
            assert!(task.log().contains(&bench.complete()), "{}", task.log());
        }
    }
}

fn program(path: &Path, script: &str) -> String {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A node that starts privileged containers. Where root itself does not have all capabilities the kernel refuses to start one
/// that is to have them: its runc then asks for the others.
fn privileging(bench: &Bench, name: &str) -> Node {
    if has_sys_resource() {
        return bench.node(name, Restores::Runtime);
    }
    let find = shell_trap::process::find("runc").expect("runc: apt-get install runc");
    let script = "bundle=. before=; for word; do [ \"$before\" != --bundle ] || bundle=$word; before=$word; done\n\
        [ ! -e \"$bundle/config.json\" ] || sed -i 's/\"CAP_SYS_RESOURCE\",//g; s/,\"CAP_SYS_RESOURCE\"//g' \"$bundle/config.json\"";
    let runc = program(&bench.base.join(format!("{name}-runc")), &format!("{script}\nexec {} \"$@\"", find.display()));
    let entry = format!("SHELL_TRAP_RUNC={runc} exec {AGENT} oci-runtime \"$@\"");
    let entry = program(&bench.base.join(format!("{name}-entry")), &entry);
    let options = [
        "--add-runtime",
        &format!("shell_trap={entry}"),
        "--add-runtime",
        &format!("here={runc}"),
        "--default-runtime",
        "here",
    ];
    bench.node_with(name, options.map(str::to_owned).to_vec())
}

#[test]
fn a_privileged_container_is_privileged_on_the_next_node_too() {
    const SYS_ADMIN: u64 = 1 << 21;
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [privileging(&bench, "a"), privileging(&bench, "b")];
    let run = |privileged: bool| {
        let known = supervisor.samples("start").len();
        let mut job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1);
        job.spec["privileged"] = json!(privileged);
        let mut seen = Vec::new();
        for segment in 0..3 {
            let node = &nodes[segment % 2];
            let mut task = job.start(node, 1.0);
            let start = job.started(&mut task, known + segment);
            if segment > 0 {
                assert_eq!(start["restored_generation"], segment, "{}", task.log());
            }
            job.works(5);
            assert_eq!(node.inspect(&job.hex())["HostConfig"]["Privileged"], privileged, "segment {segment}");
            seen.push(capabilities(&node.process(&job.hex()).to_string()));
            if segment < 2 {
                task.stop();
            } else {
                bench.enough();
                assert_eq!(task.wait().code(), Some(7), "{}", task.log());
                bench.not_enough();
            }
        }
        seen
    };
    let (with, without) = (run(true), run(false));
    println!("capabilities of a privileged program, by segment: {with:x?}; of another one: {without:x?}");
    assert!(with.iter().all(|set| *set == with[0] && set & SYS_ADMIN != 0), "{with:x?}");
    assert!(without.iter().all(|set| *set == without[0] && set & SYS_ADMIN == 0), "{without:x?}");
}
