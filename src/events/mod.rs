//! (module events)
