//! `meshctl doctor`.

use mesh_core::VERSION;
use schemars::JsonSchema;
use serde::Serialize;

use super::Context;
use crate::doctor::{Finding, Section, Subject, Verdict, examine};
use crate::error::{CliError, Kind};
use crate::printer::Tone;
use crate::settings::ConnectionArgs;

/// Look for what is wrong, and say what helps
///
/// Looks at programs, configuration, the state directory, the registry, processes, the agents in this
/// folder and certificates, and changes nothing. `✓` is fine, `!` a warning, `✗` a problem; what stands
/// behind `→` can be typed. It fails if there is a problem, not for warnings.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl doctor
  meshctl doctor --registry-url http://mesh.example:8000
  meshctl doctor --json | jq -r '.checks[] | select(.verdict != \"ok\").message'")]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DoctorReport {
    /// The version of meshctl.
    version: &'static str,
    /// Whether there is no problem.
    healthy: bool,
    /// How many problems there are.
    problems: usize,
    /// How many warnings there are.
    warnings: usize,
    /// What was looked at, in order.
    checks: Vec<CheckReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CheckReport {
    /// What it belongs to, as people read it.
    group: &'static str,
    /// Its name, which stays the same.
    check: &'static str,
    verdict: Verdict,
    /// What was found.
    message: String,
    /// A command that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

pub(crate) async fn run(args: DoctorArgs, context: &mut Context) -> Result<(), CliError> {
    let DoctorArgs { json, connection } = args;
    let environment = context.environment.clone();
    let clock = context.clock.clone();
    let program = context.program.clone();
    let subject = Subject::of(&environment, connection, program.as_deref(), &clock);
    let sections = context
        .printer
        .during("looking around", Box::pin(examine(&subject)))
        .await;
    let count = |verdict| {
        let findings = sections.iter().flat_map(|section| &section.findings);
        findings
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
    if json {
        context.printer.json(&DoctorReport {
            version: VERSION,
            healthy: problems == 0,
            problems,
            warnings,
            checks: checks(sections),
        })?;
    } else {
        print(&sections, context)?;
    }
    let warnings = match warnings {
        0 => None,
        1 => Some("1 warning".to_owned()),
        count => Some(format!("{count} warnings")),
    };
    let problems = match problems {
        0 => {
            if !json {
                let summary = warnings.map_or_else(
                    || "Nothing is wrong.".to_owned(),
                    |warnings| format!("No problems, {warnings}."),
                );
                context.printer.result(format_args!("\n{summary}"))?;
            }
            return Ok(());
        }
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let found = match warnings {
        Some(warnings) => format!("{problems} and {warnings} found"),
        None => format!("{problems} found"),
    };
    Err(CliError::new(found)
        .of_kind(Kind::Prerequisite)
        .hint("`meshctl man troubleshooting` tells more"))
}

fn checks(sections: Vec<Section>) -> Vec<CheckReport> {
    let mut checks = Vec::new();
    for Section { title, findings } in sections {
        for finding in findings {
            // Without `..`: whatever is found is told.
            let Finding {
                check,
                verdict,
                message,
                cure,
            } = finding;
            checks.push(CheckReport {
                group: title,
                check,
                verdict,
                message,
                cure,
            });
        }
    }
    checks
}

fn print(sections: &[Section], context: &mut Context) -> Result<(), CliError> {
    let printer = &mut context.printer;
    let mut first = true;
    for Section { title, findings } in sections {
        if findings.is_empty() {
            continue;
        }
        if !first {
            printer.result("")?;
        }
        first = false;
        printer.result(title)?;
        for finding in findings {
            let mark = match finding.verdict {
                Verdict::Ok => Tone::Good.paint("✓"),
                Verdict::Warning => Tone::Doubtful.paint("!"),
                Verdict::Problem => Tone::Bad.paint("✗"),
            };
            let name = finding.check.replace('_', " ");
            printer.result(format_args!("  {mark} {name}: {}", finding.message))?;
            if let Some(cure) = &finding.cure {
                printer.result(format_args!("      → {cure}"))?;
            }
        }
    }
    Ok(())
}
