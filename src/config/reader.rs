//! Turns what was written into typed values, noting every problem instead of stopping at the first.

use std::cell::Cell;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use reqwest::Url;

use super::choice::Choice;
use super::error::Problem;
use super::layers::Layers;
use super::value::{Raw, Source};
use crate::qos::units::{Cpus, Span};

/// Reads settings; every key that is asked for is thereby known.
pub struct Reader<'a> {
    layers: &'a Layers,
    known: Vec<(&'static str, &'static str)>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads from `layers`.
    pub fn new(layers: &'a Layers) -> Self {
        Reader { layers, known: Vec::new(), problems: Vec::new() }
    }

    /// The keys of one section.
    pub fn section<'r>(&'r mut self, name: &'static str) -> Section<'r, 'a> {
        Section { reader: self, name }
    }

    /// Notes that `section.key` does not go with another setting.
    pub fn conflict(&mut self, section: &'static str, key: &'static str, found: impl Display, expected: String) {
        let origin = self.layers.get(section, key).map_or(Source::Default, |(_, origin)| origin);
        let (key, found) = (format!("{section}.{key}"), found.to_string());
        self.problems.push(Problem::Invalid { key, found, origin, expected });
    }

    /// Every problem found, unknown keys included.
    pub fn finish(mut self) -> Vec<Problem> {
        self.problems.extend(self.layers.unknown(&self.known));
        self.problems
    }
}

/// Reads the keys of one section. Each method takes a key and what holds when nobody wrote it.
pub struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
}

impl Section<'_, '_> {
    fn read<T>(
        &mut self,
        key: &'static str,
        expected: impl FnOnce() -> String,
        parse: impl FnOnce(&Raw) -> Option<T>,
    ) -> Option<T> {
        self.reader.known.push((self.name, key));
        let (raw, origin) = self.reader.layers.get(self.name, key)?;
        let parsed = parse(&raw);
        if parsed.is_none() {
            let (key, found) = (format!("{}.{key}", self.name), raw.to_string());
            self.reader.problems.push(Problem::Invalid { key, found, origin, expected: expected() });
        }
        parsed
    }

    /// A length of time in seconds.
    pub fn span(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> Span {
        let expected = || format!("expected a number of seconds {}", within(&range));
        let seconds = self.read(key, expected, |raw| raw.number().filter(|n| range.contains(n))).unwrap_or(default);
        Span::try_from_seconds(seconds).unwrap_or_default()
    }

    /// An amount of CPU, at least a thousandth.
    pub fn cpus(&mut self, key: &'static str, default: Cpus) -> Cpus {
        self.optional_cpus(key).unwrap_or(default)
    }

    /// An amount of CPU, at least a thousandth, that may be absent.
    pub fn optional_cpus(&mut self, key: &'static str) -> Option<Cpus> {
        let expected = || format!("expected a number of CPUs from 0.001 to {}", Cpus::MAX);
        self.read(key, expected, |raw| Cpus::try_from_f64(raw.number()?).ok().filter(|cpus| cpus.milli() > 0))
    }

    /// A whole number.
    pub fn whole(&mut self, key: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        self.optional_whole(key, range).unwrap_or(default)
    }

    /// A whole number that may be absent.
    pub fn optional_whole(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let expected = || format!("expected a whole number {}", within(&range));
        let bounds = f64::from(*range.start())..=f64::from(*range.end());
        self.read(key, expected, |raw| {
            raw.number().filter(|number| number.fract() == 0.0 && bounds.contains(number)).map(|number| number as u32)
        })
    }

    /// A number.
    pub fn real(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let expected = || format!("expected a number {}", within(&range));
        self.read(key, expected, |raw| raw.number().filter(|n| range.contains(n))).unwrap_or(default)
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.read(key, || "expected true or false".into(), Raw::boolean).unwrap_or(default)
    }

    /// One of a few words.
    pub fn choice<C: Choice>(&mut self, key: &'static str, default: C) -> C {
        let meant = Cell::new(None);
        let expected = || match meant.get() {
            Some(word) => format!("{}; did you mean {word:?}?", C::expected()),
            None => C::expected(),
        };
        let parse = |raw: &Raw| {
            let word = raw.text()?;
            meant.set(C::nearest(word));
            C::from_word(word)
        };
        self.read(key, expected, parse).unwrap_or(default)
    }

    /// Any text.
    pub fn text(&mut self, key: &'static str, default: &str) -> String {
        self.read(key, || "expected a string".into(), |raw| raw.text().map(str::to_owned))
            .unwrap_or_else(|| default.to_owned())
    }

    /// Names of hosts, without ports, with commas between them.
    pub fn names(&mut self, key: &'static str) -> Vec<String> {
        let expected =
            || "expected names of hosts without ports, with commas between them, such as \"qos.example, qos\"".into();
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        let parse = |raw: &Raw| {
            let names: Vec<String> = raw.text()?.split(',').map(|name| name.trim().to_owned()).collect();
            names.iter().all(|name| is_name(name)).then_some(names)
        };
        self.read(key, expected, parse).unwrap_or_default()
    }

    /// A path that may be absent.
    pub fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.read(key, || "expected a path as a string".into(), |raw| raw.text().map(PathBuf::from))
    }

    /// An IP address.
    pub fn address(&mut self, key: &'static str, default: IpAddr) -> IpAddr {
        let expected = || "expected an IP address such as \"127.0.0.1\", \"0.0.0.0\" or \"::1\"".into();
        self.read(key, expected, |raw| raw.text()?.trim().parse().ok()).unwrap_or(default)
    }

    /// An http or https URL that may be absent.
    pub fn optional_url(&mut self, key: &'static str) -> Option<Url> {
        let expected = || "expected a URL such as \"http://host:5050\"".into();
        self.read(key, expected, |raw| {
            Url::parse(raw.text()?).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        })
    }
}

fn within<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("from {} to {}", range.start(), range.end())
}
