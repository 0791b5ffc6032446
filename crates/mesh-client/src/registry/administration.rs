//! `/admin/rotate`.

use mesh_core::wire::RotationReport;
use reqwest::Method;

use super::{RegistryClient, with_query};
use crate::ClientError;
use crate::transport::join;

impl RegistryClient {
    /// `POST /admin/rotate`: has the agents of this entity, or all agents, register again.
    pub async fn rotate(&self, entity: Option<&str>) -> Result<RotationReport, ClientError> {
        let entity = entity.map(str::to_owned);
        let url = with_query(
            join(&self.base, &["admin", "rotate"]),
            [("entity_id", &entity)],
        );
        self.ask(Method::POST, url).await
    }
}
