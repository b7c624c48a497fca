//! mesos-qos.
pub mod actors;
pub mod api;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod events;
pub mod http;
pub mod launcher;
pub mod local;
pub mod qos;
pub mod token;
pub mod workload;
