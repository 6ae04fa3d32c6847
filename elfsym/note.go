package elfsym

// note is an entry of a note section or segment.
type note struct {
	typ        uint32
	name, desc []byte
}

// nextNote takes the first note off b: namesz, descsz, type, then name and
// descriptor, each padded to 4 bytes (also in the segments aligned to 8 that x86
// property notes have: their descriptors are multiples of 8).
func nextNote(b []byte) (n note, rest []byte, ok bool) {
	const header = 12
	pad := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	if len(b) < header {
		return n, nil, false
	}
	nameSize, descSize := le.Uint32(b), le.Uint32(b[4:])
	n.typ = le.Uint32(b[8:])
	b = b[header:]
	if pad(nameSize)+uint64(descSize) > uint64(len(b)) {
		return n, nil, false
	}
	n.name, b = b[:nameSize], b[pad(nameSize):]
	n.desc, b = b[:descSize], b[min(pad(descSize), uint64(len(b))):]
	return n, b, true
}

// buildID is the descriptor of the first NT_GNU_BUILD_ID among notes.
func buildID(notes []byte) []byte {
	const ntGNUBuildID = 3
	for {
		n, rest, ok := nextNote(notes)
		if !ok {
			return nil
		}
		if n.typ == ntGNUBuildID && string(n.name) == "GNU\x00" {
			return n.desc
		}
		notes = rest
	}
}
