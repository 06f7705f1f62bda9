//! Finds the end of a chunked body (RFC 9112 section 7.1). hyper decodes the content; this code only counts bytes.

/// A position in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkReader {
    at: Place,
    /// The number of bytes in size lines and trailers so far.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a chunk size.
    FirstDigit,
    /// After a digit; the size so far.
    Size(u64),
    /// In a chunk extension, which is ignored.
    Extension(u64),
    /// After the CR of a size line.
    SizeEnd(u64),
    /// In a chunk; the number of bytes left.
    Bytes(u64),
    /// After a chunk, before its CR.
    BytesEnd,
    /// After the CR of a chunk.
    BytesEndLf,
    /// At the start of a trailer line.
    TrailerStart,
    /// In a trailer line.
    Trailer,
    /// After the CR of a trailer line.
    TrailerEnd,
    /// After the CR of the empty last line.
    LastLf,
    /// After the body.
    Done,
}

/// The bytes are not a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkFault;

/// The most bytes of size lines and trailers in one body. They carry no content, so more of them are refused.
const OVERHEAD_MAX: usize = 1 << 20;

impl ChunkReader {
    pub(super) fn new() -> Self {
        Self { at: Place::FirstDigit, overhead: 0 }
    }

    /// Whether the body is complete.
    pub(super) fn is_done(self) -> bool {
        self.at == Place::Done
    }

    /// Reads `bytes`. Returns the number of them that belong to the body.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, ChunkFault> {
        let mut read = 0;
        while read < bytes.len() && self.at != Place::Done {
            if let Place::Bytes(left) = self.at {
                let there = u64::try_from(bytes.len() - read).unwrap_or(u64::MAX);
                let taken = left.min(there);
                read += usize::try_from(taken).unwrap_or(usize::MAX);
                self.at = if taken == left { Place::BytesEnd } else { Place::Bytes(left - taken) };
                continue;
            }
            self.at = step(self.at, bytes[read])?;
            read += 1;
            self.overhead += 1;
            if self.overhead > OVERHEAD_MAX {
                return Err(ChunkFault);
            }
        }
        Ok(read)
    }
}

fn step(at: Place, byte: u8) -> Result<Place, ChunkFault> {
    let is_text = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
    match (at, byte) {
        (Place::FirstDigit, _) => digit(byte).map(Place::Size).ok_or(ChunkFault),
        (Place::Size(size) | Place::Extension(size), b'\r') => Ok(Place::SizeEnd(size)),
        (Place::Size(size), b';') => Ok(Place::Extension(size)),
        (Place::Size(size), _) => {
            let digit = digit(byte).ok_or(ChunkFault)?;
            size.checked_mul(16).and_then(|size| size.checked_add(digit)).map(Place::Size).ok_or(ChunkFault)
        }
        (Place::Extension(size), _) if is_text => Ok(Place::Extension(size)),
        (Place::SizeEnd(0), b'\n') => Ok(Place::TrailerStart),
        (Place::SizeEnd(size), b'\n') => Ok(Place::Bytes(size)),
        (Place::BytesEnd, b'\r') => Ok(Place::BytesEndLf),
        (Place::BytesEndLf, b'\n') => Ok(Place::FirstDigit),
        (Place::TrailerStart, b'\r') => Ok(Place::LastLf),
        (Place::Trailer, b'\r') => Ok(Place::TrailerEnd),
        (Place::TrailerStart | Place::Trailer, _) if is_text => Ok(Place::Trailer),
        (Place::TrailerEnd, b'\n') => Ok(Place::TrailerStart),
        (Place::LastLf, b'\n') => Ok(Place::Done),
        _ => Err(ChunkFault),
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(body: &str, piece: usize) -> Result<Option<usize>, ChunkFault> {
        let (mut reader, mut read) = (ChunkReader::new(), 0);
        for bytes in body.as_bytes().chunks(piece) {
            read += reader.read(bytes)?;
            if reader.is_done() {
                return Ok(Some(read));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_ends_behind_its_empty_chunk_and_its_trailers() {
        for piece in [1, 2, 5, 1_000] {
            for (body, length) in [
                ("0\r\n\r\nGET", Some(5)),
                ("3\r\nabc\r\n0\r\n\r\nGET", Some(13)),
                ("a;x=\"y\"\r\n0\r\n0\r\n\r\n12\r\n00\r\nt: 1\r\nu: 2\r\n\r\nG", Some(39)),
                ("3\r\nabc\r\n0\r\n", None),
            ] {
                assert_eq!(end(body, piece), Ok(length), "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn an_ambiguous_chunk_is_refused() {
        for body in ["\r\n", "3\nabc", "3 \r\nabc", "+3\r\n", "0x3\r\n", "3;a\nb", "3\r\nabcd", "3\r\nabc\n", "0\r\n\n"]
        {
            assert_eq!(end(body, 1), Err(ChunkFault), "{body:?}");
        }
        assert_eq!(end("fffffffffffffffff\r\n", 3), Err(ChunkFault));
        assert_eq!(end(&format!("1;{}", "x".repeat(OVERHEAD_MAX)), 1 << 16), Err(ChunkFault));
    }
}
