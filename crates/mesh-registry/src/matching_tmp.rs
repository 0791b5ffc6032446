#![allow(missing_docs, dead_code)]
use mesh_core::wire::TagEntry;
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderVersion(String);
impl ProviderVersion {
    pub fn new(s: &str) -> Self {
        Self(s.into())
    }
}
impl std::fmt::Display for ProviderVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Debug)]
pub struct TagQuery(Vec<TagEntry>);
impl TagQuery {
    pub fn new(t: &[TagEntry]) -> Self {
        Self(t.to_vec())
    }
    pub fn score(&self, _t: &[String]) -> Result<u32, ()> {
        Ok(0)
    }
}
#[derive(Debug)]
pub struct VersionQuery(String);
impl VersionQuery {
    pub fn new(s: &str) -> Self {
        Self(s.into())
    }
    pub fn accepts(&self, _v: &ProviderVersion) -> bool {
        true
    }
}
