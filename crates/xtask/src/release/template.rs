//! Templates of `packaging/`: real files with `{{ placeholders }}`, filled in for one release.

use std::fs;

use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::Project;

/// Renders the template at `path`, relative to the project's checkout. A placeholder without a value is
/// an error.
pub(crate) fn render(project: &Project, path: &str, values: Value) -> anyhow::Result<String> {
    let file = project.root.join(path);
    let text = fs::read_to_string(&file)
        .with_context(|| format!("failed to read `{}`", file.display()))?;
    fill(&text, values).with_context(|| format!("failed to fill in `{path}`"))
}

fn fill(template: &str, values: Value) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    Ok(environment.render_str(template, values)?)
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_nothing_is_escaped() {
        let filled = fill("{# no output #}a \"{{ b }}\"\n", context! { b => "<c>" }).unwrap();
        assert_eq!(filled, "a \"<c>\"\n");
    }

    #[test]
    fn a_placeholder_without_a_value_is_an_error() {
        let error = fill("{{ missing }}", context! {}).unwrap_err();
        assert!(format!("{error:#}").contains("undefined"), "{error:#}");
    }
}
