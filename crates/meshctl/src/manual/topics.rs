//! Which pages there are.

use std::borrow::Cow;

use super::section;

/// A page, or a section of one, under a name.
#[derive(Debug)]
pub(crate) struct Topic {
    /// What `meshctl man` is given.
    pub(crate) name: &'static str,
    /// What finds it as well.
    pub(crate) aliases: &'static [&'static str],
    /// Its place below `docs`.
    pub(crate) file: &'static str,
    page: &'static str,
    /// The heading of the section that it is; the whole page if none.
    pub(crate) section: Option<&'static str>,
}

impl Topic {
    /// What it says, as Markdown.
    pub(crate) fn markdown(&self) -> Cow<'static, str> {
        match self.section {
            // A section that is gone would show the whole page; a test sees to it that none is.
            Some(name) => section::section(self.page, name)
                .unwrap_or(self.page)
                .into(),
            None => self.page.into(),
        }
    }

    /// Its first heading.
    pub(crate) fn title(&self) -> String {
        section::title(&self.markdown())
    }

    /// The name of its file.
    pub(super) fn file_name(&self) -> &'static str {
        self.file.rsplit('/').next().unwrap_or(self.file)
    }
}

macro_rules! topics {
    ($($name:literal $aliases:tt $file:literal $(# $section:literal)?;)*) => {
        /// Every topic, in the order of the list.
        pub(crate) static TOPICS: [Topic; topics!(@count $($name)*)] = [$(Topic {
            name: $name,
            aliases: &$aliases,
            file: $file,
            page: include_str!(concat!("../../../../docs/", $file)),
            section: topics!(@section $($section)?),
        }),*];
    };
    (@section) => { None };
    (@section $section:literal) => { Some($section) };
    (@count) => { 0 };
    (@count $first:literal $($rest:literal)*) => { 1 + topics!(@count $($rest)*) };
}

// Names and aliases that earlier releases know find something here, too.
topics! {
    "overview" ["architecture", "arch", "concepts"] "concepts/overview.md";
    "quickstart" ["quick", "start", "hello", "getting-started", "tutorial"] "guides/getting-started.md";
    "prerequisites" ["prereq", "setup", "install", "installing"] "guides/installing.md";
    "tools" ["tool", "decorators", "decorator", "kwargs", "params"] "guides/tools.md";
    "streaming" ["stream", "streams", "sse"] "guides/tools.md" # "Streams";
    "media" ["multimodal", "files"] "guides/tools.md" # "Files";
    "dependency-injection" ["di", "injection", "dependencies", "dependency"] "guides/dependencies.md";
    "proxies" ["proxy", "calls"] "guides/dependencies.md" # "Calls";
    "service-views" ["services", "service", "views", "view"] "guides/dependencies.md" # "Services";
    "headers" ["header"] "guides/dependencies.md" # "Headers and traces";
    "capabilities" ["caps", "capability", "resolution", "matching"] "concepts/resolution.md";
    "tags" ["tag", "tag-matching"] "concepts/resolution.md" # "Tags";
    "versions" ["version"] "concepts/resolution.md" # "Versions";
    "schema-matching" ["schema", "schemas"] "concepts/resolution.md" # "Schemas";
    "audit" ["why", "explain"] "concepts/resolution.md" # "Why this one";
    "watch" ["rewiring"] "concepts/watch.md";
    "health" ["heartbeat", "probes", "liveness"] "concepts/health.md";
    "jobs" ["job", "meshjob", "task", "tasks"] "guides/jobs.md";
    "job-states" ["job-life", "claims"] "concepts/jobs.md";
    "llm" ["llms"] "guides/llm.md";
    "llm-providers" ["llm-provider", "vendors"] "guides/llm-providers.md";
    "llm-filters" ["llm-selection"] "concepts/llm.md";
    "api" ["fastapi", "route", "routes", "express", "gateway"] "guides/routes.md";
    "a2a" ["skills", "agent-to-agent"] "guides/routes.md" # "Skills for agents outside the mesh";
    "a2a-consumer" ["a2a-client"] "guides/tools.md" # "Skills of agents outside of the mesh";
    "scaffold" ["scaffolding", "generate", "gen", "new"] "guides/scaffolding.md";
    "testing" ["test", "tests", "curl"] "guides/testing.md";
    "troubleshooting" ["trouble", "doctor", "problems", "debugging", "faq"] "guides/troubleshooting.md";
    "registry" ["reg", "backup", "drain"] "guides/registry.md";
    "deployment" ["deploy", "docker", "containers", "compose", "kubernetes"] "guides/docker.md";
    "tls" ["security", "certificates", "entity", "entities"] "guides/tls.md";
    "postgresql" ["postgres", "replicas"] "guides/postgresql.md";
    "observability" ["tracing", "trace", "traces", "metrics", "logs", "tempo", "ui", "dashboard"] "guides/observability.md";
    "upgrading" ["upgrade", "migrating", "migration"] "guides/migrating-from-3.8.md";
    "updating" ["update", "self-update"] "guides/updating.md";
    "environment" ["env", "config", "variables"] "reference/environment.md";
    "cli" ["commands", "meshctl", "call", "list", "status", "flags"] "reference/meshctl.md";
    "http" ["rest", "openapi", "endpoints"] "reference/http.md";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_there() {
        for topic in &TOPICS {
            if let Some(name) = topic.section {
                assert!(
                    section::section(topic.page, name).is_some(),
                    "{} has no section {name}",
                    topic.file
                );
            }
        }
    }
}
