use anyhow::Result;
use crate::config::Config;
use crate::report::Reporter;
use super::Stop;
pub async fn run(_config: Config, _reporter: Reporter, _stop: &mut Stop) -> Result<i32> { anyhow::bail!("x") }
