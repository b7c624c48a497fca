//! The published call: seven positional arguments instead of variables.
//!
//! `shell_trap UUID CHECKPOINT_DIR IMAGE START_URL END_URL DOCKER_OPTIONS COMMAND...`

use anyhow::{Context as _, Result, bail, ensure};

use super::endpoints::Endpoints;
use super::spec::{Mode, Parameter, Port, Spec, Volume};
use crate::id::JobId;

/// What the seven arguments say.
#[derive(Debug)]
pub struct Positional {
    /// First argument.
    pub uuid: JobId,
    /// Second argument.
    pub checkpoint_dir: String,
    /// Third, sixth and all later ones.
    pub spec: Spec,
    /// Fourth and fifth argument.
    pub endpoints: Endpoints,
}

/// Options of `docker run` that take no value.
const FLAGS: [&str; 9] =
    ["privileged", "read-only", "interactive", "tty", "detach", "init", "rm", "oom-kill-disable", "no-healthcheck"];

impl Positional {
    /// # Errors
    /// Which argument is wrong, and what would be right.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let [uuid, checkpoint_dir, image, start_url, end_url, options, command @ ..] = arguments else {
            bail!(
                "seven arguments are expected (see --help), or none and the environment; these are {}",
                arguments.len()
            );
        };
        ensure!(!image.is_empty(), "the third argument, the image, is empty");
        let mut spec = Spec { version: 1, image: Some(image.clone()), open_stdin: true, ..Spec::default() };
        read_options(options, &mut spec).context("in the sixth argument, the Docker options")?;
        spec.args = split_command(command)?;
        Ok(Positional {
            uuid: uuid.parse().map_err(|e| anyhow::anyhow!("the first argument: {e}"))?,
            checkpoint_dir: checkpoint_dir.clone(),
            spec: spec.checked()?,
            endpoints: Endpoints::published(start_url, end_url)?,
        })
    }
}

/// The published script hands the rest to xargs, which splits words and takes quotes away, once.
fn split_command(words: &[String]) -> Result<Option<Vec<String>>> {
    let line = words.join(" ");
    let args = shlex::split(&line).with_context(|| format!("the command {line:?} has an unclosed quote"))?;
    Ok((!args.is_empty()).then_some(args))
}

fn read_options(text: &str, spec: &mut Spec) -> Result<()> {
    let words = shlex::split(text).with_context(|| format!("{text:?} has an unclosed quote"))?;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        // The published launcher writes parameters without dashes.
        let name = word.trim_start_matches('-');
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (name.to_owned(), None),
        };
        let name = long_name(&name).to_owned();
        let value = match inline {
            Some(value) => value,
            None if FLAGS.contains(&name.as_str()) => "true".into(),
            None => words.next().with_context(|| format!("{word} has no value"))?,
        };
        match name.as_str() {
            "volume" => spec.volumes.push(volume(&value)?),
            "publish" => spec.ports.push(port(&value)?),
            "net" | "network" => spec.network = Some(value),
            "user" => spec.user = Some(value),
            "privileged" => spec.privileged = value == "true",
            // What the published script passes itself.
            "di" | "detach" | "interactive" => {}
            _ => spec.parameters.push(Parameter { key: name, value }),
        }
    }
    Ok(())
}

fn long_name(name: &str) -> &str {
    match name {
        "v" => "volume",
        "p" => "publish",
        "e" => "env",
        "u" => "user",
        "w" => "workdir",
        "m" => "memory",
        "h" => "hostname",
        "l" => "label",
        "d" => "detach",
        "i" => "interactive",
        "t" => "tty",
        other => other,
    }
}

fn volume(text: &str) -> Result<Volume> {
    let parts: Vec<&str> = text.split(':').collect();
    let (host, container, mode) = match parts[..] {
        [host, container] => (host, container, Mode::RW),
        [host, container, "rw"] => (host, container, Mode::RW),
        [host, container, "ro"] => (host, container, Mode::RO),
        _ => bail!("volume {text:?} is not HOST:CONTAINER[:ro|:rw]"),
    };
    Ok(Volume { host: host.into(), container: container.into(), mode })
}

fn port(text: &str) -> Result<Port> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (host, container) = ports.split_once(':').with_context(|| format!("publish {text:?} is not HOST:CONTAINER"))?;
    let number = |text: &str| text.parse::<u16>().with_context(|| format!("{text:?} is no port"));
    Ok(Port { container: number(container)?, host: number(host)?, protocol: protocol.to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &str, command: &[&str]) -> Result<Positional> {
        let fixed = [
            "1b4e28ba2fa111d2883f0016d3cca427",
            "/shared",
            "img",
            "http://s:1/initMarathonApp",
            "http://s:1/endMarathonApp",
        ];
        let all: Vec<String> = fixed.iter().chain([&options]).chain(command).map(|s| (*s).to_owned()).collect();
        Positional::parse(&all)
    }

    #[test]
    fn the_published_call_is_understood() {
        let call = parse("-v /a:/b:ro --net=host -p 80:8080/tcp --env X=1 ", &["bash -c 'echo a  b'"]).unwrap();
        assert_eq!(call.spec.args.unwrap(), ["bash", "-c", "echo a  b"]);
        assert_eq!(call.spec.volumes, [Volume { host: "/a".into(), container: "/b".into(), mode: Mode::RO }]);
        assert_eq!(call.spec.network.as_deref(), Some("host"));
        assert_eq!(call.spec.ports, [Port { container: 8080, host: 80, protocol: "tcp".into() }]);
        assert_eq!(call.spec.parameters, [Parameter { key: "env".into(), value: "X=1".into() }]);
        assert!(call.spec.open_stdin);
    }

    #[test]
    fn nothing_is_expanded_by_a_shell() {
        let call = parse("", &["echo $HOME $(touch /tmp/x); `id`"]).unwrap();
        assert_eq!(call.spec.args.unwrap(), ["echo", "$HOME", "$(touch", "/tmp/x);", "`id`"]);
    }

    #[test]
    fn no_command_leaves_the_image_s_own() {
        assert_eq!(parse("", &[]).unwrap().spec.command(), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(format!("{:#}", parse("-v /a", &[]).unwrap_err()).contains("HOST:CONTAINER"));
        assert!(format!("{:#}", parse("-v", &[]).unwrap_err()).contains("no value"));
        assert!(format!("{:#}", parse("", &["it's"]).unwrap_err()).contains("quote"));
        assert!(Positional::parse(&["x".to_owned()]).is_err());
    }
}
