//! The installer on the stick. It does not install yet: it refuses, saying so.
use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!(
        "posto-install: installing onto a disk is not built yet in this release; nothing was read or written.\n\
         To put Posto on a disk now, write disk.img of the release directory onto it.\n\
         posto-install: a instalação em disco ainda não existe nesta versão; nada foi lido nem escrito.\n\
         Para pôr o Posto num disco, grave nele o ficheiro disk.img da pasta da versão."
    );
    ExitCode::from(2)
}
