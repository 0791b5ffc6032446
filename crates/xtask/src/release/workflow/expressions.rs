//! GitHub pastes an expression's value into a command before a shell reads it, whatever it holds; a
//! variable's value is never read as code.

use anyhow::Context;

use super::document::Document;
use super::tree::{Map, Node};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Moves each expression of a `run` into the step's `env`. Our own steps have none; this holds for
/// whatever dist adds.
pub(super) fn move_out_of_commands(document: &mut Document) -> anyhow::Result<()> {
    document.each_step(|_, step| {
        let Some(command) = step.text("run").map(str::to_owned) else {
            return Ok(());
        };
        if !command.contains(OPEN) {
            return Ok(());
        }
        let mut env = match step.remove("env") {
            Some(mut env) => std::mem::take(env.map("`env`")?),
            None => Map::default(),
        };
        let command = extract(&command, &mut env)?;
        step.set("run", Node::Text(command));
        step.set("env", env);
        Ok(())
    })
}

/// The command with variables in the place of expressions, which are added to `env`.
fn extract(command: &str, env: &mut Map) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (expression, after) = after
            .split_once(CLOSE)
            .with_context(|| format!("`{command}` has an expression without end"))?;
        let variable = variable(expression);
        env.set(&variable, format!("{OPEN}{expression}{CLOSE}").as_str());
        text.push_str(before);
        text.push_str("${");
        text.push_str(&variable);
        text.push('}');
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// `NEEDS_PLAN_OUTPUTS_TAG` for `needs.plan.outputs.tag`.
fn variable(expression: &str) -> String {
    let words: Vec<_> = expression
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join("_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::super::tests::recorded;
    use super::*;

    #[test]
    fn no_command_of_dist_keeps_an_expression() {
        let mut document = recorded();
        move_out_of_commands(&mut document).unwrap();
        document
            .each_step(|_, step| {
                let run = step.text("run").unwrap_or_default();
                assert!(!run.contains(OPEN), "{run}");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_value_is_read_from_a_variable() {
        let mut env = Map::default();
        let command = extract("dist build ${{ needs.plan.outputs.tag-flag }} x", &mut env).unwrap();
        assert_eq!(command, "dist build ${NEEDS_PLAN_OUTPUTS_TAG_FLAG} x");
        assert_eq!(
            env.text("NEEDS_PLAN_OUTPUTS_TAG_FLAG"),
            Some("${{ needs.plan.outputs.tag-flag }}")
        );
    }

    #[test]
    fn an_expression_without_end_is_an_error() {
        let error = extract("echo ${{ x", &mut Map::default()).unwrap_err();
        assert!(error.to_string().contains("without end"), "{error}");
    }
}
