use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

/// Where a report goes. A run does not stop because its report cannot be written: the first error is kept for the end.
pub struct Careful<W> {
    out: W,
    unwritten: Unwritten,
}

/// Why a report could not be written, if so.
#[derive(Clone, Default)]
pub struct Unwritten(Rc<RefCell<Option<io::Error>>>);

impl<W> Careful<W> {
    /// Writes to `out`, and tells the other half of what went wrong.
    pub fn new(out: W) -> (Self, Unwritten) {
        let unwritten = Unwritten::default();
        (Self { out, unwritten: unwritten.clone() }, unwritten)
    }

    fn keep<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            // A reader that went away, as `head` does, wanted no more.
            if kind != io::ErrorKind::BrokenPipe && kind != io::ErrorKind::Interrupted {
                self.unwritten.0.borrow_mut().get_or_insert(error);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Careful<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.keep(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.keep(flushed)
    }
}

impl Unwritten {
    /// The first error, once.
    pub fn take(&self) -> Option<io::Error> {
        self.0.borrow_mut().take()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::Careful;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_kept_and_a_reader_that_went_away_is_not() {
        let (mut out, unwritten) = Careful::new(Broken(io::ErrorKind::StorageFull));
        assert!(writeln!(out, "one").is_err());
        assert_eq!(unwritten.take().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
        assert!(unwritten.take().is_none());
        let (mut out, unwritten) = Careful::new(Broken(io::ErrorKind::BrokenPipe));
        assert!(writeln!(out, "one").is_err());
        assert!(unwritten.take().is_none());
    }
}
