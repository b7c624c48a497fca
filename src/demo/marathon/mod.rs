//! Case III: one long-running job on Marathon, resized while it runs.
//!
//! | module | what it does |
//! |---|---|
//! | [`form`] | resized by a checkpoint or in place: what works here |
//! | [`agent`] | what the launcher is told of the agent |
//! | [`meter`] | a control group around the job: what the kernel counted |
//! | [`case`](mod@case) | from its launch to its figures |
//! | [`app`] | the app file and its launch |
//! | [`agreement`] | whether the witnesses agree |
//! | [`figures`], [`table`] | what is printed |

pub mod agent;
pub mod agreement;
pub mod app;
pub mod case;
pub mod figures;
pub mod form;
pub mod meter;
pub mod table;
