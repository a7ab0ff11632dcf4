use super::*;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn output_comes_back_and_input_goes_in() {
    let output = Invocation::new("cat").input("hello").run(LIMIT).unwrap();
    assert_eq!(output, b"hello");
}

#[test]
fn a_failure_carries_the_command_and_the_end_of_what_it_said() {
    let error = Invocation::new("sh")
        .args([
            "-c",
            "yes noise | head -c 100000 >&2; echo reason >&2; exit 3",
        ])
        .run(LIMIT)
        .unwrap_err();
    let ProcessError::Failed {
        argv,
        status,
        stderr,
    } = error
    else {
        panic!("{error}")
    };
    assert!(argv.starts_with("sh -c"));
    assert_eq!(status.code(), Some(3));
    assert!(stderr.ends_with("reason") && stderr.len() <= STDERR_TAIL_BYTES);
}

#[test]
fn a_program_that_explains_itself_on_standard_output_is_heard() {
    let error = Invocation::new("sh")
        .args(["-c", "echo reason; exit 1"])
        .run(LIMIT)
        .unwrap_err();
    assert!(error.to_string().ends_with("it said: reason"), "{error}");
}

#[test]
fn a_program_over_its_time_is_killed_with_its_children() {
    let started = Instant::now();
    let error = Invocation::new("sh")
        .args(["-c", "sleep 100 & sleep 100"])
        .run(Duration::from_millis(200))
        .unwrap_err();
    assert!(matches!(error, ProcessError::TooSlow { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn dropping_a_running_program_kills_it() {
    let running = Invocation::new("sleep").arg("100").spawn().unwrap();
    let pid = running.id();
    drop(running);
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
}

#[test]
fn a_piped_program_reads_until_its_input_is_closed() {
    let mut running = Invocation::new("wc")
        .arg("-c")
        .piped_stdin()
        .piped_stdout()
        .spawn()
        .unwrap();
    let mut stdin = running.stdin().unwrap();
    stdin.write_all(&[b'x'; 100_000]).unwrap();
    assert!(!running.has_ended().unwrap());
    drop(stdin);
    running.wait(LIMIT).unwrap();
    let mut text = String::new();
    running.stdout().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.trim(), "100000");
}

#[test]
fn endless_output_is_refused() {
    let error = Invocation::new("yes").run(LIMIT).unwrap_err();
    assert!(
        matches!(
            error,
            ProcessError::TooMuch { .. } | ProcessError::Failed { .. }
        ),
        "{error}"
    );
}
