//! (module workload)
