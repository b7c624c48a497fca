//! More weight than other work has.

use shell_trap::cgroup::Cgroups;

/// A control group that has more weight than anything else on the machine, for jobs that a limit holds back: what they use must be the
/// affair of that, and not of other work. It goes with the test, or whatever came after it would starve everything else.
pub struct Favoured(pub String);

impl Favoured {
    pub fn new() -> Self {
        let group = format!("/shell_trap-favoured-{}", uuid::Uuid::new_v4().simple());
        for root in Cgroups::find().unwrap().cpu_roots() {
            let directory = root.join(&group[1..]);
            std::fs::create_dir_all(&directory).unwrap();
            for (file, most) in [("cpu.shares", "262144"), ("cpu.weight", "10000")] {
                if directory.join(file).exists() {
                    std::fs::write(directory.join(file), most).unwrap();
                }
            }
        }
        Favoured(group)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        Cgroups::find().unwrap().remove(&self.0);
    }
}
