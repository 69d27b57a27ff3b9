use super::*;

fn are_references(words: &[usize]) -> bool {
    let begin = words.as_ptr() as usize;
    let end = begin + 8 * words.len();
    let file = File::create("/dev/null").unwrap();
    Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap().references(begin, end, end).unwrap()
}

#[test]
fn a_file_that_cannot_be_written_is_reported_as_for_a_snapshot() {
    let path = Path::new("/d/f");
    let file = File::open("/dev/null").unwrap();
    let writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
    let code = |failure: Failure| {
        let code = failure.code();
        let end = ForkFailure::Lost(format!("the child ended with code {code}"));
        SnapshotError::from(writer.explain(path, end)).code()
    };
    assert_eq!(code(Failure::Io(libc::ENOSPC)), "ERR_PLIMSOLL_DISK_FULL");
    assert_eq!(code(Failure::Io(libc::EDQUOT)), "ERR_PLIMSOLL_DISK_FULL");
    assert_eq!(code(Failure::Io(libc::EIO)), "ERR_PLIMSOLL_DIR");
    assert_eq!(code(Failure::Bound), "ERR_PLIMSOLL_NO_ROOM");
    assert_eq!(code(Failure::Refused), "ERR_PLIMSOLL_UNAVAILABLE");
}

#[test]
fn what_is_held_is_written_in_order_and_no_more_than_there_is_room_for() {
    let packed = |room: Option<usize>| {
        let dir = crate::snapshot::testing::TempDir::new("hold");
        let path = dir.0.join("image");
        let mut writer =
            Writer::new(ProcessMemory::OWN, File::create(&path).unwrap(), 1 << 30, 0).unwrap();
        if let Some(room) = room {
            writer.hold(room);
        }
        for n in 0..1000_u32 {
            writer.put(&n.to_le_bytes().repeat(n as usize % 300)).unwrap();
            let held = writer.held.as_ref().map_or(0, |(parts, _)| parts.concat().len());
            assert!(held <= room.unwrap_or(0), "{held}");
        }
        writer.write_held().unwrap();
        std::fs::read(path).unwrap()
    };
    let direct = packed(None);
    for room in [0, 1000, 100_000, usize::MAX] {
        assert_eq!(packed(Some(room)), direct, "{room}");
    }
}

/// A queue with this number of microtasks, buffer and first one, alone in its ring.
fn queue_of(count: usize, start: usize, buffer: &[usize]) -> Box<[usize; 16]> {
    let mut queue = Box::new([0; 16]);
    let at = queue.as_ptr() as usize;
    queue[1..8].copy_from_slice(&[count, buffer.len(), start, buffer.as_ptr() as usize, 7, at, at]);
    queue
}

fn tasks_of(queue: &[usize; 16]) -> Option<Vec<usize>> {
    let file = File::create("/dev/null").unwrap();
    let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
    let at = queue.as_ptr() as usize;
    let (tasks, next) = writer.queue(at).unwrap()?;
    assert_eq!(next, at);
    let words = tasks.iter().flat_map(|&(begin, end)| (begin..end).step_by(8));
    Some(words.map(|word| writer.memory.word(word).unwrap().unwrap()).collect())
}

#[test]
fn microtasks_are_in_a_ring_buffer_of_a_queue_in_a_ring() {
    let buffer: Vec<usize> = (0..8).map(|at| 0x1000_0001 + 8 * at).collect();
    assert_eq!(tasks_of(&queue_of(2, 3, &buffer)), Some(buffer[3..5].to_vec()));
    let wrapped = [&buffer[6..], &buffer[..3]].concat();
    assert_eq!(tasks_of(&queue_of(5, 6, &buffer)), Some(wrapped));
    assert_eq!(tasks_of(&queue_of(8, 0, &buffer)), Some(buffer.clone()));
    assert_eq!(tasks_of(&queue_of(0, 5, &buffer)), Some(Vec::new()));
    assert_eq!(tasks_of(&queue_of(9, 0, &buffer)), None, "more than there is room for");
    assert_eq!(tasks_of(&queue_of(1, 8, &buffer)), None, "begins behind the buffer");
    assert_eq!(tasks_of(&queue_of(1, 0, &buffer[..7])), None, "no power of two");
    let mut alone = queue_of(1, 0, &buffer);
    alone[7] = 0;
    assert_eq!(tasks_of(&alone), None, "in no ring");
    let mut unused = queue_of(0, 0, &[]);
    unused[4] = 0;
    assert_eq!(tasks_of(&unused), Some(Vec::new()), "without a buffer yet");
}

#[test]
fn kept_objects_are_many_references_and_nothing_else() {
    let mut words = vec![0x1000_0001; 2 * LEAST_KEPT];
    assert!(are_references(&words));
    assert!(!are_references(&words[..LEAST_KEPT - 1]), "too few");
    for place in [0, 1, LEAST_KEPT - 1, LEAST_KEPT, 2 * LEAST_KEPT - 1] {
        let before = std::mem::replace(&mut words[place], 7 << 32);
        assert!(!are_references(&words), "a small integer at {place}");
        words[place] = before;
    }
    assert!(are_references(&words));
}

#[test]
fn the_stack_of_a_thread_reaches_from_its_frame_to_its_end() {
    let local = 0_u64;
    let stack = Stack::here().unwrap();
    let frame = &raw const local as usize;
    assert!(stack.start().is_multiple_of(8) && stack.start().abs_diff(frame) < 0x1_0000);
    let after = std::thread::spawn(|| Stack::here().unwrap()).join().unwrap();
    assert!(after.start() != stack.start(), "each thread has its own");
    // The last byte can be read, and belongs to the same mapping.
    let end = stack.start() + stack.bytes();
    let last = ProcessMemory::OWN.word(end - 8).unwrap();
    assert!(stack.bytes() > 0x100 && last.is_some());
    assert_eq!((Stack::new(24, 8).start(), Stack::new(24, 8).bytes()), (24, 0));
}

#[test]
fn nothing_is_in_the_file_while_it_is_held() {
    let dir = crate::snapshot::testing::TempDir::new("held");
    let path = dir.0.join("image");
    let file = File::create(&path).unwrap();
    let mut writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
    writer.hold(4 * PAGE);
    for at in [0, 64, 128, 192_u8] {
        let bytes: Vec<u8> = (0..PAGE).map(|byte| byte as u8 % 64 + at).collect();
        writer.put(&bytes).unwrap();
        writer.flush().unwrap();
    }
    assert_eq!(writer.file().metadata().unwrap().len(), 0);
    assert!(format!("{writer:?}").contains("written: 0"));
    writer.put(&[1]).unwrap();
    writer.flush().unwrap();
    let text = zstd::decode_all(File::open(&path).unwrap()).unwrap();
    assert_eq!(text.len(), 4 * PAGE + 1, "there is no room for one byte more");
    assert_eq!((text[0], text[PAGE], text[4 * PAGE]), (0, 64, 1));
    let written = writer.file().metadata().unwrap().len();
    assert!(format!("{writer:?}").contains(&format!("written: {written}")));
}

#[test]
fn short_pieces_share_memory() {
    let mut held = Vec::new();
    for byte in 0..=255_u8 {
        hold(&mut held, &[byte; 16]);
    }
    assert_eq!(held.len(), 1, "a page of the system");
    hold(&mut held, &[7; 3 * SYSTEM_PAGE]);
    hold(&mut held, &[8]);
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [4096, 3 * 4096, 1]);
    assert!(held[0].chunks(16).zip(0..=255).all(|(piece, byte)| piece == [byte; 16]));
}

#[test]
fn a_full_device_is_the_reason_that_is_given() {
    let Ok(file) = File::options().write(true).open("/dev/full") else { return };
    let mut writer = Writer::new(ProcessMemory::OWN, file, 1 << 30, 0).unwrap();
    writer.put(&[7; 100]).unwrap();
    assert_eq!(writer.flush(), Err(Failure::Io(libc::ENOSPC)));
}

/// The records of what an object at `at` refers to, of an isolate without a heap: kind, address and length.
fn handles(at: usize, isolate: usize) -> Vec<(u32, usize, usize)> {
    let file = File::create("/dev/null").unwrap();
    let mut writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
    writer.hold(1 << 30);
    writer.handles_of(at, isolate, isolate).unwrap();
    let text = writer.held.take().unwrap().0.concat();
    let (mut records, mut rest) = (Vec::new(), &text[..]);
    while !rest.is_empty() {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let address = usize::from_le_bytes(rest[..8].try_into().unwrap());
        let length = number(12) as usize;
        records.push((number(8), address, length));
        rest = &rest[16 + length..];
    }
    records
}

#[test]
fn eternal_handles_are_a_vector_that_fits_their_number() {
    let block = vec![0_usize; 4 * GLOBAL_BLOCK];
    let first = block.as_ptr() as usize;
    let blocks = [first, first + 8 * GLOBAL_BLOCK, 0, 0];
    let begin = blocks.as_ptr() as usize;
    let of = |count: usize, from: usize, to: usize, room: usize| {
        let mut object = [0; 12];
        object[..4].copy_from_slice(&[count, from, to, room]);
        // The isolate is an address that the object does not have.
        handles(object.as_ptr() as usize, SYSTEM_PAGE)
    };
    let two = [first, first + 2048].map(|at| (kind::HANDLES, at, 2048));
    assert_eq!(of(300, begin, begin + 16, begin + 16), two);
    assert_eq!(of(512, begin, begin + 16, begin + 32), two);
    assert_eq!(of(7 << 32 | 300, begin, begin + 16, begin + 16), two, "a number of 32 bits");
    assert_eq!(of(256, begin, begin + 8, begin + 32), two[..1]);
    assert_eq!(of(256, begin, begin + 16, begin + 16), [], "more blocks than they need");
    assert_eq!(of(513, begin, begin + 16, begin + 16), [], "fewer");
    assert_eq!(of(0, begin, begin, begin), [], "none");
    assert_eq!(of(300, begin, begin + 16, begin + 8), [], "its room ends before it");
    assert_eq!(of(300, begin + 1, begin + 17, begin + 17), [], "no pointer");
    let far = begin + 8 * MOST_BLOCKS;
    assert_eq!(of(300, begin, begin + 16, far), [], "more room than a service has");
    assert_eq!(of(300, begin, begin + 16, far - 8), two);
}

#[test]
fn only_blocks_that_can_be_read_have_handles() {
    let block = vec![0_usize; 2 * GLOBAL_BLOCK];
    let blocks = [0, SYSTEM_PAGE, block.as_ptr() as usize + 4, block.as_ptr() as usize];
    let begin = blocks.as_ptr() as usize;
    let mut object = [0; 12];
    object[..4].copy_from_slice(&[1024, begin, begin + 32, begin + 32]);
    let found = handles(object.as_ptr() as usize, SYSTEM_PAGE);
    assert_eq!(found, [(kind::HANDLES, blocks[3], 2048)]);
}

#[test]
fn an_object_of_the_isolate_without_handles_has_none() {
    let isolate = Box::new([0_usize; 16]);
    let at = isolate.as_ptr() as usize;
    let block = [0_usize; 16];
    let blocks = [block.as_ptr() as usize; 4];
    for words in [
        [at, 0, 4, 2],
        [at, blocks.as_ptr() as usize, 1, 2],
        [at, blocks.as_ptr() as usize, 4, 0],
        [at, blocks.as_ptr() as usize, MOST_BLOCKS, 2],
        // The isolate does not name the end of this block.
        [at, blocks.as_ptr() as usize, 4, 2],
    ] {
        let mut object = [0; 12];
        object[..4].copy_from_slice(&words);
        assert_eq!(handles(object.as_ptr() as usize, at), [], "{words:x?}");
    }
}

#[test]
fn kept_objects_are_a_vector_whose_ends_are_in_order() {
    let words = vec![0x1000_0001_usize; LEAST_KEPT + 1];
    let begin = words.as_ptr() as usize;
    let end = begin + 8 * LEAST_KEPT;
    let file = File::create("/dev/null").unwrap();
    let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
    let is = |begin, end, room| writer.references(begin, end, room).unwrap();
    assert!(is(begin, end, end) && is(begin, end, end + 64));
    assert!(!is(begin, end, end - 8), "its room ends before it");
    assert!(!is(begin, end, end + 4) && !is(begin, end + 4, end + 8), "no pointer");
    assert!(!is(begin + 4, end + 4, end + 8), "begins between two words");
    assert!(!is(end, begin, end + 64), "ends before it begins");
    let far = begin + 8 * GLOBAL_BLOCK * MOST_BLOCKS;
    assert!(is(begin, end, far) && !is(begin, end, far + 8), "more room than V8 takes");
}

#[test]
fn a_file_may_be_as_large_as_its_bound() {
    let flushed = |max_bytes| {
        let file = File::create("/dev/null").unwrap();
        let mut writer = Writer::new(ProcessMemory::OWN, file, max_bytes, 0).unwrap();
        writer.put(&[7; 1000]).unwrap();
        writer.flush().map(|()| writer.written)
    };
    let size = flushed(u64::MAX).unwrap();
    assert_eq!((flushed(size), flushed(size - 1)), (Ok(size), Err(Failure::Bound)));
}

#[test]
fn whole_pages_alone_are_given_back() {
    const SIZE: usize = 3 * SYSTEM_PAGE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: new memory at an address that the kernel chooses, which is mapped until the end of the test.
    let memory = unsafe {
        let at = libc::mmap(std::ptr::null_mut(), SIZE, rights, flags, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        std::slice::from_raw_parts_mut(at.cast::<u8>(), SIZE)
    };
    memory.fill(1);
    give_back(memory.as_ptr() as usize, SIZE - SYSTEM_PAGE / 2);
    let left = std::hint::black_box(&*memory).iter().filter(|&&byte| byte == 1).count();
    assert_eq!(left, SYSTEM_PAGE);
    // SAFETY: nothing uses it any more.
    unsafe { libc::munmap(std::ptr::from_mut(memory).cast(), SIZE) };
}

#[test]
fn the_next_free_handle_is_the_word_before_the_end_of_its_block() {
    let file = File::create("/dev/null").unwrap();
    let writer = Writer::new(ProcessMemory::OWN, file, 0, 0).unwrap();
    let (block, mut isolate) = (0x10_0000, vec![0_usize; 1024]);
    let at = isolate.as_ptr() as usize;
    let limit = block + 8 * SCOPE_BLOCK;
    let used = || writer.used(at, at + 8192, block).unwrap();
    assert_eq!(used(), None);
    // An address in the block before another one, and its end after another one.
    isolate[10] = block + 16;
    isolate[20] = limit;
    assert_eq!(used(), None);
    isolate[600] = block + 80;
    isolate[601] = limit;
    assert_eq!(used(), Some(80));
    isolate[600] = limit;
    assert_eq!(used(), Some(8 * SCOPE_BLOCK), "it is full");
    isolate[600] = block;
    assert_eq!(used(), Some(0), "it is empty");
    isolate[600] = block - 8;
    assert_eq!(used(), None);
}

#[test]
fn the_microtasks_of_each_queue_of_a_ring_are_handles() {
    let buffers: [Vec<usize>; 3] =
        std::array::from_fn(|n| (0..8).map(|at| 0x1000_0001 + 64 * n + 8 * at).collect());
    let mut ring: Vec<_> = buffers.iter().map(|buffer| queue_of(2, 3, buffer)).collect();
    let places: Vec<_> = ring.iter().map(|queue| queue.as_ptr() as usize).collect();
    for at in 0..3 {
        ring[at][6] = places[(at + 1) % 3];
        ring[at][7] = places[(at + 2) % 3];
    }
    // The second one has a number among its tasks, and the third one has none.
    let mut second = buffers[1].clone();
    second[4] = 2;
    ring[1][4] = second.as_ptr() as usize;
    ring[2][1] = 0;
    let first = (kind::HANDLES, buffers[0].as_ptr() as usize + 24, 16);
    assert_eq!(handles(places[0], SYSTEM_PAGE), [first]);
    second[4] = second[3];
    let both = [first, (kind::HANDLES, second.as_ptr() as usize + 24, 16)];
    assert_eq!(handles(places[0], SYSTEM_PAGE), both);
    assert_eq!(handles(places[1], SYSTEM_PAGE), [both[1], both[0]]);
}
