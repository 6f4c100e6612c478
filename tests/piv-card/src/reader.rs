//! The wire between a card and vpcd, the virtual reader: frames with a length before them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::token::{ATR, Response, Token};

/// How a card came out of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The reader went away.
    ReaderGone,
    /// The card was pulled.
    Removed,
}

/// Is a card in the reader at the other end until one of them goes. `seen` is called when the reader gives it power,
/// which may be more than once.
///
/// # Errors
/// If the connection breaks within a frame.
pub fn serve(mut reader: TcpStream, token: &mut Token, mut seen: impl FnMut()) -> io::Result<End> {
    reader.set_nodelay(true)?;
    loop {
        let mut length = [0; 2];
        match reader.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(End::ReaderGone),
        }
        let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
        reader.read_exact(&mut frame)?;
        match &frame[..] {
            // Power off, power on, reset: no answer.
            [control @ 0..=2] => {
                token.reset();
                if *control == 1 {
                    seen();
                }
            }
            [4] => send(&mut reader, &ATR)?,
            [_] | [] => {}
            command => match token.respond(command) {
                Response::Bytes(answer) => send(&mut reader, &answer)?,
                Response::Removed => {
                    // Others may have a handle of this connection: the reader waits until it is really closed.
                    reader.shutdown(Shutdown::Both)?;
                    return Ok(End::Removed);
                }
            },
        }
    }
}

fn send(reader: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    reader.write_all(&frame)
}
