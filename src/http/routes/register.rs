//! `POST /initTask`

use actix_web::web::{Data, Json};

use super::Frameworks;
use super::respond::receipt;
use crate::actors::Supervisor;
use crate::api::register::{RegisterReply, RegisterRequest};
use crate::credentials::flag_of;
use crate::http::auth::{AuthMode, Checked, Gate};
use crate::http::problem::Problem;
use crate::qos::ids::Framework;
use crate::qos::job::Reply;

pub async fn register(
    supervisor: Data<Supervisor>,
    gate: Data<Gate>,
    frameworks: Data<Frameworks>,
    request: Checked<RegisterRequest>,
) -> Result<Json<RegisterReply>, Problem> {
    let request = request.body;
    let configured = match request.framework {
        Framework::Chronos => frameworks.chronos,
        Framework::Marathon => frameworks.marathon,
    };
    if !configured {
        let flag = flag_of(request.framework);
        let detail = format!("this supervisor has no {} credentials; start it with {flag}", request.framework);
        return Err(Problem::invalid_field("framework", detail));
    }
    let receipt = receipt("register".into(), &request, true)?;
    let answer = supervisor.register(&request, receipt).await?;
    let Reply::Registered { admission } = answer.reply else {
        return Err(Problem::internal("a registration was answered with something else"));
    };
    // Derived anew for every answer, stored nowhere.
    let callback_token =
        (gate.mode() != AuthMode::Off).then(|| gate.key().job_token(&request.uuid).expose().to_owned());
    Ok(Json(RegisterReply { uuid: request.uuid, callback_token, admission, duplicate: answer.repeated }))
}
