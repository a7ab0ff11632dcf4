//! A container ends with the program that started it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use posto_tests::command::{ending_with_us, run};
use posto_tests::container::DataFile;
use posto_tests::release;
use posto_tests::wait;

const BOUND: Duration = Duration::from_secs(60);

#[test]
fn a_killed_program_leaves_no_process_and_no_mount_of_its_container() -> Result<()> {
    let folder = release::scratch()?;
    let data = folder.path().join("data.xfs");
    let mut program = ending_with_us(&[env!("CARGO_BIN_EXE_posto-box")])
        .args(["container", "--data-gib", "4", "--state"])
        .arg(folder.path())
        .arg("--release")
        .arg(release::folder()?)
        .stdin(Stdio::null())
        .spawn()?;
    let leader = wait::until("the container's PID 1", BOUND, || {
        if let Some(status) = program.try_wait()? {
            bail!("the program ended by itself: {status}");
        }
        let leader = std::fs::read_to_string(folder.path().join("leader"));
        Ok(leader.ok().filter(|leader| !leader.is_empty()))
    })?;
    let leader = Path::new("/proc").join(leader);
    ensure!(leader.exists(), "{} is not there", leader.display());
    program.kill()?;
    program.wait()?;
    wait::until("the end of the container's PID 1", BOUND, || {
        Ok((!leader.exists()).then_some(()))
    })?;
    let in_use = [
        "losetup".as_ref(),
        "--associated".as_ref(),
        data.as_os_str(),
    ];
    wait::until("a data file that nobody has mounted", BOUND, || {
        Ok(run(&in_use)?.is_empty().then_some(()))
    })?;
    DataFile::existing(&data).change(|_| Ok(()))
}
