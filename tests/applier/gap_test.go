package applier

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const (
	page = 0x1000
	kib  = 1 << 10
	mib  = 1 << 20
	gib  = 1 << 30

	userEnd = 0x7fff_ffff_f000 // nothing can be mapped there or above
	lowest  = 0x10000          // nor below, by vm.mmap_min_addr's default
)

// A space is an address space and the question for room in it: [near.Lo, near.Hi) is the text to be reached.
type space struct {
	name string
	maps []procmaps.Mapping
	near procmaps.Near
	size uint64
}

func mapping(lo, hi uint64, path string) procmaps.Mapping {
	return procmaps.Mapping{Lo: lo, Hi: hi, Path: path}
}

// text writes the mappings as the kernel does.
func (s space) text() string {
	var b strings.Builder
	for _, m := range s.maps {
		line := fmt.Sprintf("%08x-%08x r-xp 00000000 00:00 0 ", m.Lo, m.Hi)
		if m.Path != "" {
			line = fmt.Sprintf("%-73s%s", line, m.Path)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func askGaps(t *testing.T, spaces []space) []uint64 {
	t.Helper()
	var in, stderr bytes.Buffer
	for _, s := range spaces {
		text := s.text()
		for _, v := range []uint64{s.near.Lo, s.near.Hi, s.size} {
			in.Write(binary.LittleEndian.AppendUint64(nil, v))
		}
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
		in.WriteString(text)
	}
	cmd := exec.Command(program(t, "gaps", []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"}))
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) != len(spaces) {
		t.Fatalf("%d answers to %d questions: %v\n%s", len(words), len(spaces), err, &stderr)
	}
	answers := make([]uint64, len(words))
	for i, w := range words {
		answers[i], _ = strconv.ParseUint(w, 16, 64)
	}
	return answers
}

// The module of the tables: 1 MiB of text, with all the room in the world around it.
const (
	textLo = 0x7f00_0000_0000
	textHi = textLo + mib
)

var module = mapping(textLo, textHi, "/lib/x.so")

func around(below, above []procmaps.Mapping) []procmaps.Mapping {
	return append(append(slices.Clone(below), module), above...)
}

var (
	fullBelow = mapping(textLo-3*gib, textLo, "")
	fullAbove = mapping(textHi, textHi+3*gib, "")
)

// holed is 3 GiB of mappings below the module with a hole of size bytes that ends at the given distance from it.
func holed(distance, size uint64) []procmaps.Mapping {
	end := textLo - distance
	return []procmaps.Mapping{mapping(textLo-3*gib, end-size, ""), mapping(end, textLo, "")}
}

func holedAbove(distance, size uint64) []procmaps.Mapping {
	start := textHi + distance
	return []procmaps.Mapping{mapping(textHi, start, ""), mapping(start+size, textHi+3*gib, "")}
}

// Where the room is to be found, from the module.
const (
	nowhere = 0
	below   = -1
	above   = 1
)

var (
	full   = []procmaps.Mapping{fullBelow}
	fullUp = []procmaps.Mapping{fullAbove}
)

var gapTable = []struct {
	name string
	maps []procmaps.Mapping
	size uint64
	want int
}{
	{"nothing else", around(nil, nil), page, below},
	{"full", around(full, fullUp), page, nowhere},
	{"full below", around(full, nil), page, above},
	{"full above", around(nil, fullUp), page, below},
	{"hole below", around(holed(gib, mib), fullUp), 64 * kib, below},
	{"hole above", around(full, holedAbove(gib, mib)), 64 * kib, above},
	{"holes on both sides", around(holed(gib, mib), holedAbove(mib, mib)), 64 * kib, below},
	{"just enough", around(holed(gib, 64*kib+2*page), fullUp), 64 * kib, below},
	{"just enough above", around(full, holedAbove(gib, 64*kib+2*page)), 64 * kib, above},
	{"smaller than asked", around(holed(gib, 60*kib), fullUp), 64 * kib, nowhere},
	{"smaller than asked, both", around(holed(gib, 60*kib), holedAbove(gib, 60*kib)), 64 * kib, nowhere},
	{"too small below, enough above", around(holed(gib, 60*kib), holedAbove(gib, mib)), 64 * kib, above},
	{"out of reach", around(holed(2*gib+mib, gib/2), fullUp), 64 * kib, nowhere},
	{"out of reach above", around(full, holedAbove(2*gib+mib, gib/2)), 64 * kib, nowhere},
	{"partly in reach", around(holed(2*gib-4*mib, gib/2), fullUp), 64 * kib, below},
	{"too big for what is in reach", around(holed(2*gib-2*mib, gib/2), fullUp), 64 * mib, nowhere},
	{"page 0", []procmaps.Mapping{mapping(0x40_0000, 0x50_0000, "/bin/x"), mapping(0x50_0000, 0x1_0000_0000, "")}, page, below},
	{"only below mmap_min_addr", []procmaps.Mapping{mapping(lowest, 0x1_0000_0000, "")}, page, nowhere},
	{"only where the heap grows", around(full, []procmaps.Mapping{mapping(textHi, textHi+mib, "[heap]"), mapping(textHi+32*mib, textHi+3*gib, "")}), page, nowhere},
	{"behind the heap's room", around(full, []procmaps.Mapping{mapping(textHi, textHi+mib, "[heap]"), mapping(textHi+gib, textHi+3*gib, "")}), page, above},
	{"only where the stack grows", around(full, []procmaps.Mapping{mapping(textHi+32*mib, textHi+33*mib, "[stack]"), mapping(textHi+33*mib, textHi+3*gib, "")}), page, nowhere},
}

// TestGapTable: full spaces, holes on one side, holes too small, too far, reserved for the heap or the stack.
func TestGapTable(t *testing.T) {
	tests := gapTable
	var spaces []space
	for _, test := range tests {
		near := procmaps.Near{Lo: textLo, Hi: textHi}
		if test.maps[0].Hi < 1<<32 {
			near = procmaps.Near{Lo: test.maps[0].Lo, Hi: min(test.maps[0].Hi, test.maps[0].Lo+mib)}
		}
		spaces = append(spaces, space{test.name, test.maps, near, test.size})
	}
	for i, at := range askGaps(t, spaces) {
		s, want := spaces[i], tests[i].want
		side := nowhere
		if at != 0 {
			side = below
		}
		if at > s.near.Lo {
			side = above
		}
		if side != want {
			t.Errorf("%s: %#x lies at %d, want %d (-1 below, 0 nowhere, 1 above)", s.name, at, side, want)
		}
		if wrong := s.wrong(at); wrong != "" {
			t.Errorf("%s: %#x: %s", s.name, at, wrong)
		}
	}
}

// TestTopOfUserSpace: without address space randomisation the last modules are less than 2 GiB from the end of the
// user's half. What lies above it is no room.
func TestTopOfUserSpace(t *testing.T) {
	const lo, hi = 0x7fff_f7fc_1000, 0x7fff_f7fe_6000
	maps := []procmaps.Mapping{
		mapping(lo-3*gib, lo, ""), mapping(lo, hi, "/lib/ld.so"), mapping(hi, 0x7fff_fffd_e000, ""),
		mapping(0x7fff_fffd_e000, userEnd, "[stack]"), mapping(0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000, "[vsyscall]"),
	}
	s := space{"top", maps, procmaps.Near{Lo: lo, Hi: hi}, page}
	if at := askGaps(t, []space{s})[0]; at != 0 {
		t.Errorf("%#x: %s", at, s.wrong(at))
	}
}

// reach is the distance a rel32 spans, less the margin that both searches keep.
const reach = 1<<31 - mib

// wrong says what is wrong with an answer, by the rule and not by the search.
func (s space) wrong(at uint64) string {
	switch {
	case at == 0:
		return ""
	case at%page != 0:
		return "not a page"
	case at < lowest || at+s.size > userEnd:
		return "outside of what a process can map"
	case at < s.near.Hi && s.near.Hi-at > reach || at+s.size > s.near.Lo && at+s.size-s.near.Lo > reach:
		return "out of reach"
	}
	for _, m := range s.maps {
		if at < m.Hi && m.Lo < at+s.size {
			return fmt.Sprintf("overlaps %x-%x %s", m.Lo, m.Hi, m.Path)
		}
		if m.Path == "[heap]" && at >= m.Hi && at-m.Hi < 64*mib && !s.between(m.Hi, at) {
			return "where the heap grows"
		}
		if m.Path == "[stack]" && at < m.Lo && m.Lo-(at+s.size) < 64*mib && !s.between(at, m.Lo) {
			return "where the stack grows"
		}
	}
	return ""
}

// between: is there a mapping in between, so that nothing grows so far?
func (s space) between(lo, hi uint64) bool {
	return slices.ContainsFunc(s.maps, func(m procmaps.Mapping) bool { return m.Lo >= lo && m.Hi <= hi && m.Hi > lo })
}

// room says whether there is room below or above, a page from the neighbours, by trying every page-aligned place at the
// ends of every hole: what is nearest in a hole is in reach if anything in it is.
func (s space) room() (below, above bool) {
	edges := []uint64{lowest}
	for _, m := range s.maps {
		edges = append(edges, m.Lo, m.Hi, m.Hi+64*mib, m.Lo-64*mib)
	}
	for _, e := range edges {
		for _, at := range []uint64{e + page, e - s.size - page} {
			if at < lowest || at > userEnd || s.wrong(at) != "" || !s.alone(at) {
				continue
			}
			below = below || at < s.near.Lo
			above = above || at > s.near.Lo
		}
	}
	return below, above
}

// alone: the place touches no mapping.
func (s space) alone(at uint64) bool {
	wide := space{maps: s.maps, near: procmaps.Near{Lo: at, Hi: at}, size: s.size + 2*page}
	return at >= lowest+page && at+s.size+page <= userEnd && wide.wrong(at-page) == ""
}

func randomSpace(r *rand.Rand) space {
	base := []uint64{0x40_0000, 0x5555_5555_4000, textLo, 0x7fff_f7fc_1000, userEnd - 4*gib}[r.IntN(5)]
	text := uint64(1+r.IntN(4096)) * page
	s := space{near: procmaps.Near{Lo: base, Hi: base + text}, size: uint64(1+r.IntN(1<<r.IntN(14))) * page}
	s.maps = []procmaps.Mapping{mapping(base, base+text, "/lib/x.so")}
	lo, hi := base, base+text
	for range r.IntN(40) {
		if gap, n := randomLength(r, 9), page+randomLength(r, 19); lo > gap+n+lowest {
			s.maps = append([]procmaps.Mapping{mapping(lo-gap-n, lo-gap, "")}, s.maps...)
			lo -= gap + n
		}
		if gap, n := randomLength(r, 9), page+randomLength(r, 19); hi+gap+n < userEnd {
			s.maps = append(s.maps, mapping(hi+gap, hi+gap+n, ""))
			hi += gap + n
		}
	}
	if r.IntN(5) > 0 && lo > lowest { // full from here down
		s.maps = append([]procmaps.Mapping{mapping(max(lowest, lo-min(lo, 3*gib)), lo, "")}, s.maps...)
	}
	if r.IntN(5) > 0 && hi < userEnd {
		s.maps = append(s.maps, mapping(hi, min(userEnd, hi+3*gib), ""))
	}
	s.maps[r.IntN(len(s.maps))].Path = []string{"[heap]", "[stack]", "/lib/y.so", ""}[r.IntN(4)]
	if r.IntN(2) == 0 {
		s.maps = append(s.maps, mapping(0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000, "[vsyscall]"))
	}
	return s
}

// randomLength is a number of bytes: often none, else less than 2 to the power of bits pages, few as often as many.
func randomLength(r *rand.Rand, bits int) uint64 {
	if r.IntN(2) == 0 {
		return 0
	}
	return uint64(1+r.IntN(1<<r.IntN(bits))) * page
}

// TestGapRandom: what is found can be used; nothing is found only where nothing is; below goes before above.
func TestGapRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var spaces []space
	for range host.Scale(6_000, 500_000) {
		spaces = append(spaces, randomSpace(r))
	}
	found, wrong := 0, 0
	for i, at := range askGaps(t, spaces) {
		s := spaces[i]
		below, above := s.room()
		problem := s.wrong(at)
		switch {
		case problem != "":
		case at == 0 && (below || above):
			problem = fmt.Sprintf("nothing found, though there is room: below %v, above %v", below, above)
		case at > s.near.Lo && below:
			problem = "above, though there is room below"
		}
		if at != 0 {
			found++
		}
		if problem != "" {
			if wrong++; wrong <= 5 {
				t.Errorf("%#x for %#x bytes near %#x-%#x: %s\n%s", at, s.size, s.near.Lo, s.near.Hi, problem, s.text())
			}
		}
	}
	t.Logf("%d spaces, room found in %d, %d wrong", len(spaces), found, wrong)
	if found < len(spaces)/4 || found > len(spaces)*9/10 {
		t.Error("the spaces are too empty, or too full, to test much")
	}
}
