//! Decoding on a thread of its own, so that it goes on while what it decoded is parsed.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Blocks that are decoded and not yet parsed, at most.
const AHEAD: usize = 4;
const BLOCK: usize = 1 << 18;

/// Reads what another thread has read already. That thread begins with the first read, and ends when this is dropped.
pub(in crate::heap) enum ReadAhead {
    /// Nothing was read.
    Waits(Box<dyn Read + Send>),
    /// The thread has begun.
    Runs(Running),
    /// The thread could not begin.
    Failed,
}

/// What the thread has read.
pub(in crate::heap) struct Running {
    blocks: Receiver<io::Result<Vec<u8>>>,
    /// Blocks to be filled again.
    spent: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl ReadAhead {
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::Waits(reader)
    }

    fn running(&mut self) -> io::Result<&mut Running> {
        if let Self::Waits(_) = self
            && let Self::Waits(reader) = std::mem::replace(self, Self::Failed)
        {
            *self = Self::Runs(Running::new(reader)?);
        }
        match self {
            Self::Runs(running) => Ok(running),
            _ => Err(io::Error::other("the decoder's thread could not begin")),
        }
    }
}

impl Running {
    fn new(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (filled, blocks) = sync_channel(AHEAD);
        let (spent, empty) = sync_channel(AHEAD + 2);
        thread::Builder::new()
            .name("plimsoll-decode".to_owned())
            .spawn(move || run(reader, &filled, &empty))?;
        Ok(Self { blocks, spent, block: Vec::new(), at: 0, ended: false })
    }
}

/// An empty block is the end.
fn run(mut reader: impl Read, filled: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.resize(BLOCK, 0);
        let read = loop {
            match reader.read(&mut block) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let is_last = !matches!(read, Ok(1..));
        let block = read.map(|read| {
            block.truncate(read);
            block
        });
        // The reader is gone, or there is nothing more to read.
        if filled.send(block).is_err() || is_last {
            return;
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.running()?.read(buffer)
    }
}

impl Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            let lost = |_| io::Error::other("the decoder's thread ended");
            let block = self.blocks.recv().map_err(lost)??;
            // Where the other thread has enough of them, it goes.
            let _ = self.spent.try_send(std::mem::replace(&mut self.block, block));
            self.at = 0;
            self.ended = self.block.is_empty();
        }
        let rest = &self.block[self.at..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_of_it_and_then_the_end() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|at| at as u8).collect();
        let mut read = Vec::new();
        let mut ahead = ReadAhead::new(Box::new(io::Cursor::new(bytes.clone())));
        ahead.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        // The end stays the end, however often it is asked for.
        assert_eq!([ahead.read(&mut [0]).unwrap(), ahead.read(&mut [0]).unwrap()], [0, 0]);
    }

    #[test]
    fn an_error_comes_after_what_was_read_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::InvalidData.into())
            }
        }
        let mut read = Vec::new();
        let mut ahead = ReadAhead::new(Box::new(io::Cursor::new(b"abc").chain(Broken)));
        assert_eq!(ahead.read_to_end(&mut read).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read, b"abc");
    }

    #[test]
    fn the_thread_ends_when_its_reader_is_dropped() {
        let mut ahead = ReadAhead::new(Box::new(io::repeat(7)));
        assert_eq!(ahead.read(&mut [0]).unwrap(), 1);
        drop(ahead);
    }
}
