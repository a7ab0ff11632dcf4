//! A repository that lies, over a real socket: what the client must refuse, and what it must survive.
//!
//! A harness of its own, one test after another: it counts and names the cases that ran. An argument chooses tests by a part of
//! their name.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod answers;
#[path = "../made/mod.rs"]
mod made;
mod metadata;
mod patches;
mod tls;

use std::process::ExitCode;
use std::sync::Mutex;

/// Fewer would mean that some were lost on the way.
const CASES_LEAST: usize = 80;

static CASES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// A hostile case begins; its test fails if what it tries is taken.
pub(crate) fn case(name: &'static str) {
    eprintln!("    {name}");
    let mut cases = CASES.lock().unwrap();
    assert!(!cases.contains(&name), "two cases of one name: {name}");
    cases.push(name);
}

macro_rules! tests {
    ($($room:ident::$test:ident,)*) => {
        [$((concat!(stringify!($room), "::", stringify!($test)), $room::$test as fn())),*]
    };
}

fn main() -> ExitCode {
    let all = tests![
        metadata::an_honest_repository_is_taken_and_asked_for_no_more_than_needed,
        metadata::rotated_roots_are_followed_one_by_one_and_a_root_of_strangers_is_not,
        metadata::a_skipped_or_repeated_root_version_is_refused,
        metadata::endless_rotations_end_at_the_bound,
        metadata::a_threshold_of_two_is_not_reached_by_one_key_however_often_it_signs,
        metadata::one_key_under_two_ids_counts_once,
        metadata::an_older_timestamp_snapshot_or_targets_is_refused_and_what_was_known_stays,
        metadata::a_replayed_whole_repository_is_refused_under_every_policy_and_clock,
        metadata::a_role_gone_from_the_snapshot_is_refused,
        metadata::a_frozen_repository_is_refused_by_the_specification_and_named_by_a_box,
        metadata::a_box_in_1970_now_and_2099_takes_the_same_update_and_refuses_the_same_rollback,
        metadata::versions_run_forward_by_a_thief_are_recovered_by_revoking_his_key,
        metadata::what_a_revoked_key_signed_is_refused_even_by_a_box_that_knows_nothing_but_its_image,
        metadata::files_of_two_editions_are_not_mixed,
        metadata::one_role_s_file_is_not_taken_for_another_s_even_with_the_right_keys,
        metadata::a_changed_byte_in_what_is_signed_is_refused,
        metadata::ecdsa_keys_sign_as_well,
        metadata::a_repository_without_consistent_names_is_read_by_plain_ones,
        metadata::an_expired_timestamp_of_the_same_version_is_named_again_at_every_update,
        answers::endless_short_silent_redirected_and_failing_answers_end_the_update_and_change_nothing,
        answers::a_root_longer_than_the_bound_is_not_read_to_its_end,
        answers::a_missing_timestamp_snapshot_or_targets_is_no_update,
        answers::a_target_is_what_was_signed_or_nothing,
        answers::a_signed_path_that_leaves_the_folder_is_not_fetched,
        answers::a_target_is_found_through_delegations_and_only_where_they_reach,
        answers::delegations_that_lead_astray_end_the_search,
        patches::an_honest_patch_makes_the_release,
        patches::a_mirror_that_sends_another_patch_is_found_out_piece_by_piece,
        patches::a_list_of_pieces_is_the_signed_one_and_of_this_patch,
        patches::what_a_stolen_key_signed_is_never_written_and_takes_no_memory,
        patches::a_patch_of_another_base_writes_nothing,
        tls::only_the_mirror_that_an_authority_vouches_for_by_name_is_asked,
        tls::a_server_without_tls_is_not_asked_in_clear,
    ];
    // What `cargo test` passes on besides begins with a dash.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    let mut failed = Vec::new();
    for (name, test) in all {
        if chosen(name) {
            eprintln!("{name}");
            if std::panic::catch_unwind(test).is_err() {
                failed.push(name);
            }
        }
    }
    let cases = CASES.lock().unwrap().len();
    println!(
        "{cases} hostile cases over a socket, {} tests failed {failed:?}",
        failed.len()
    );
    if failed.is_empty() && (!wanted.is_empty() || cases >= CASES_LEAST) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
