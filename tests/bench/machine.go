package main

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where the figures come from; they mean little elsewhere.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Root   bool   `json:"root"`

	SyscallNs float64 `json:"syscall_ns"` // getppid
	FaultNs   float64 `json:"fault_ns"`   // a minor page fault
}

func describeMachine(w *workshop) (Machine, error) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m := Machine{
		CPU:    cpuModel(),
		CPUs:   runtime.NumCPU(),
		Kernel: strings.TrimSpace(string(kernel)),
		Go:     runtime.Version(),
		Root:   os.Geteuid() == 0,
	}
	out, err := exec.CommandContext(w.ctx, w.path("machine"), fmt.Sprint(w.o.cpu)).Output()
	if err != nil {
		return m, fmt.Errorf("machine: %w", err)
	}
	_, err = fmt.Sscan(string(out), &m.SyscallNs, &m.FaultNs)
	return m, err
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// Agent describes the file under test. Relocations are what every process pays that preloads it, also with nothing to do.
type Agent struct {
	Path        string `json:"path,omitempty"`
	Bytes       int64  `json:"bytes,omitempty"`
	Relocations int    `json:"relocations,omitempty"`
}

func describeAgent(path string) Agent {
	info, err := os.Stat(path)
	if err != nil {
		return Agent{}
	}
	return Agent{Path: path, Bytes: info.Size(), Relocations: relocations(path)}
}

// relocations counts what the dynamic linker has to write: RELA entries, and those that RELR packs. It is 0 for what is no ELF.
func relocations(path string) int {
	file, err := elf.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	total := 0
	for _, section := range file.Sections {
		if section.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		switch section.Type {
		case elf.SHT_RELA:
			total += int(section.Size / 24)
		case elf.SectionType(19): // SHT_RELR
			total += relrEntries(section)
		}
	}
	return total
}

// relrEntries decodes: an even word is the address of one relocation, an odd one a bitmap of the 63 words that follow.
func relrEntries(section *elf.Section) int {
	data, err := section.Data()
	if err != nil {
		return 0
	}
	total := 0
	for ; len(data) >= 8; data = data[8:] {
		word := binary.LittleEndian.Uint64(data)
		if word&1 == 0 {
			total++
		} else {
			total += bits.OnesCount64(word >> 1)
		}
	}
	return total
}
