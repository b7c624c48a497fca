//! Case III: one long-running job on Marathon, resized while it runs.
//!
//! | module | what it does |
//! |---|---|
//! | [`form`] | resized by a checkpoint or in place: what works here |
//! | [`agent`] | the agent, which is this program under another name |
//! | [`meter`] | a control group around the job: what the kernel counted |
//! | [`case`](mod@case) | from its launch to its figures |
//! | [`app`] | the app file and its launch |
//! | [`story`] | the segments and resizes of the event log |
//! | [`agreement`] | whether the witnesses agree |
//! | [`figures`], [`table`] | what is printed |

pub mod agent;
pub mod agreement;
pub mod app;
pub mod case;
pub mod figures;
pub mod form;
pub mod meter;
pub mod story;
pub mod table;
