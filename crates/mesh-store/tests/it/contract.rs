//! What the registry relies on, whichever database is behind the store.

mod agents;
mod job_events;
mod job_expiry;
mod jobs;
mod schemas;

/// Tells one story to one database.
macro_rules! story {
    ($topic:ident, $story:ident, $url:expr $(, #[$condition:meta])?) => {
        #[tokio::test]
        $(#[$condition])?
        async fn $story() {
            let home = crate::fixture::Home::new();
            let store = home.open($url).await;
            crate::contract::$topic::$story(&store).await;
            store.close().await;
        }
    };
}

/// Tells every story to one database.
macro_rules! contract {
    ($database:ident, $url:expr $(, #[$condition:meta])?) => {
        mod $database {
            story!(agents, an_agent_comes_back_as_it_was_put, $url $(, #[$condition])?);
            story!(agents, a_second_put_replaces_all_but_the_creation_time, $url $(, #[$condition])?);
            story!(agents, the_last_put_of_a_batch_wins, $url $(, #[$condition])?);
            story!(agents, texts_of_any_length_and_letter_are_taken, $url $(, #[$condition])?);
            story!(agents, a_change_of_status_leaves_the_rest, $url $(, #[$condition])?);
            story!(agents, changes_are_done_in_order, $url $(, #[$condition])?);
            story!(agents, batches_of_any_size_arrive, $url $(, #[$condition])?);
            story!(agents, a_batch_whose_caller_went_away_is_all_or_nothing, $url $(, #[$condition])?);
            story!(agents, pulses_reach_known_agents_only, $url $(, #[$condition])?);
            story!(agents, events_come_newest_first_and_match_every_filter, $url $(, #[$condition])?);
            story!(agents, events_outlive_their_agent, $url $(, #[$condition])?);
            story!(agents, capping_keeps_the_newest_events, $url $(, #[$condition])?);
            story!(agents, a_closed_store_says_so, $url $(, #[$condition])?);
            story!(jobs, a_job_comes_back_as_it_was_created, $url $(, #[$condition])?);
            story!(jobs, a_claim_takes_the_oldest_job_of_its_capability, $url $(, #[$condition])?);
            story!(jobs, twenty_claimers_and_ten_jobs_give_each_job_once, $url $(, #[$condition])?);
            story!(jobs, an_exhausted_job_fails_and_does_not_block_the_queue, $url $(, #[$condition])?);
            story!(jobs, waiting_jobs_are_counted_by_capability, $url $(, #[$condition])?);
            story!(jobs, draining_blocks_claims_only, $url $(, #[$condition])?);
            story!(jobs, every_delta_of_a_batch_has_an_outcome_of_its_own, $url $(, #[$condition])?);
            story!(jobs, a_late_completion_finds_the_job_called_off, $url $(, #[$condition])?);
            story!(jobs, a_released_job_is_claimed_again_under_a_new_epoch, $url $(, #[$condition])?);
            story!(jobs, jobs_are_listed_newest_first_by_every_filter, $url $(, #[$condition])?);
            story!(jobs, a_change_of_a_job_whose_caller_went_away_is_all_or_nothing, $url $(, #[$condition])?);
            story!(jobs, old_jobs_are_forgotten_with_their_events, $url $(, #[$condition])?);
            story!(job_events, events_are_numbered_in_each_job, $url $(, #[$condition])?);
            story!(job_events, events_of_many_posters_leave_no_gap, $url $(, #[$condition])?);
            story!(job_events, a_workers_read_extends_its_lease, $url $(, #[$condition])?);
            story!(job_events, a_workers_read_extends_its_lease_no_further_than_the_job_lives, $url $(, #[$condition])?);
            story!(job_expiry, a_job_of_a_lost_owner_waits_again_until_it_is_exhausted, $url $(, #[$condition])?);
            story!(job_expiry, a_lease_that_ends_frees_the_job, $url $(, #[$condition])?);
            story!(job_expiry, a_job_fails_at_its_deadline_claimed_or_not, $url $(, #[$condition])?);
            story!(job_expiry, a_job_without_a_deadline_goes_stale_where_that_is_asked_for, $url $(, #[$condition])?);
            story!(job_expiry, many_jobs_expire_in_bounded_steps, $url $(, #[$condition])?);
            story!(schemas, the_first_to_bring_a_schema_wins, $url $(, #[$condition])?);
            story!(schemas, schemas_that_nobody_refers_to_are_forgotten, $url $(, #[$condition])?);
        }
    };
}

contract!(sqlite_file, "mesh.db");
contract!(sqlite_memory, "sqlite::memory:");
#[cfg(unix)]
contract!(postgres, &crate::fixture::postgres());
