//! Which release answers.

use reqwest::{Method, StatusCode};

use super::RegistryClient;
use crate::ClientError;
use crate::transport::join;

/// What the line begins with that names the release, in the format of Prometheus.
const LINE: &str = "mcp_mesh_build_info{version=\"";

impl RegistryClient {
    /// `GET /metrics`: the release of the registry; nothing if it does not tell, as those of release 3.
    pub async fn release(&self) -> Result<Option<String>, ClientError> {
        let url = join(&self.base, &["metrics"]);
        let answer = self.send(self.request(Method::GET, &url)?).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        let text = String::from_utf8_lossy(&answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix(LINE));
        Ok(line.and_then(|rest| Some(rest.split_once('"')?.0.to_owned())))
    }
}
