// Package procmaps reads /proc/PID/maps and finds room between mappings.
//
// Protocol: Parse and FindGap are pure functions on text and data and may be
// called from anywhere; Read opens the file of a live process. A snapshot is
// stale as soon as the process runs on: whoever maps something into a gap does
// so with MAP_FIXED_NOREPLACE and is prepared to be refused. The text is
// hostile input: paths are chosen by the process that maps them.
package procmaps

// Mapping is one line of /proc/PID/maps: the bytes [Lo, Hi) of the address
// space, which show the file Path from byte Offset on.
type Mapping struct {
	Lo, Hi uint64
	Offset uint64

	Read, Write, Exec bool
	Shared            bool // s instead of p: stores reach the file

	Major, Minor uint32 // the file system's device, 0:0 when anonymous
	Inode        uint64 // 0 when anonymous
	Path         string // empty, a path, or a name such as [heap] or anon_inode:…
	Deleted      bool   // the path ended in " (deleted)", which was cut off
}

// Len is the size of the mapping in bytes.
func (m Mapping) Len() uint64 { return m.Hi - m.Lo }

// Contains reports whether addr lies in the mapping.
func (m Mapping) Contains(addr uint64) bool { return m.Lo <= addr && addr < m.Hi }

// Perms is what the mapping allows, as the kernel writes it: "r-xp".
func (m Mapping) Perms() string {
	p := []byte("---p")
	for i, set := range []bool{m.Read, m.Write, m.Exec, m.Shared} {
		if set {
			p[i] = "rwxs"[i]
		}
	}
	return string(p)
}

// Near is the range of addresses [Lo, Hi) that a gap has to be near to.
type Near struct{ Lo, Hi uint64 }
