package maps

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// What bpf_map_lookup_percpu_elem has to know of a map: internal/native/map_percpu.c.

// PossibleCPUs is how many CPUs the machine may have, as libbpf_num_possible_cpus says:
// the end of a list such as "0-3".
var PossibleCPUs = sync.OnceValue(func() uint32 {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	text := strings.TrimSpace(string(b))
	last, parsed := strconv.ParseUint(text[strings.LastIndexAny(text, "-,")+1:], 10, 16)
	if err != nil || parsed != nil {
		return uint32(runtime.NumCPU())
	}
	return uint32(last) + 1
})

// UsualLanes are those of a value of which only the size is known: numbers of 8 bytes,
// or of 4 or 1, if that is what the size is a multiple of.
func UsualLanes(size uint32) string {
	lanes := []byte{0x80}
	switch {
	case size%8 == 0:
	case size%4 == 0:
		lanes[0] = 0x88
	default:
		lanes[0] = 0xff
	}
	return string(bytes.Repeat(lanes, int(min(padded(size)/8, abi.MAP_NLANES))))
}

func (s Spec) writeLanes(h []byte) {
	if !s.Type.IsPerCPU() {
		return
	}
	lanes := s.Lanes
	if lanes == "" {
		lanes = UsualLanes(s.ValueSize)
	}
	n := copy(h[abi.MAP_HDR_LANES:][:abi.MAP_NLANES], lanes)
	for i := n; i < abi.MAP_NLANES; i++ { // words further on are like the last
		h[abi.MAP_HDR_LANES+i] = h[abi.MAP_HDR_LANES+max(n, 1)-1]
	}
	binary.LittleEndian.PutUint32(h[abi.MAP_HDR_NCPUS:], PossibleCPUs())
}

func (s *Spec) readLanes(h []byte) {
	if !s.Type.IsPerCPU() {
		return
	}
	lanes := string(h[abi.MAP_HDR_LANES:][:min(padded(s.ValueSize)/8, abi.MAP_NLANES)])
	if lanes != UsualLanes(s.ValueSize) {
		s.Lanes = lanes
	}
}
