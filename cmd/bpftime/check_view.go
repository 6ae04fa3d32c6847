package main

import (
	"cmp"
	"fmt"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/survey"
)

// The JSON form of check.
type (
	binaryView struct {
		Path      string         `json:"path"`
		BuildID   string         `json:"build_id"`
		Summary   summaryView    `json:"summary"`
		Functions []functionView `json:"functions"`
		Syscalls  []syscallView  `json:"syscalls"`
		USDT      []markerView   `json:"usdt"`
	}
	functionView struct {
		Name      string `json:"name"`
		Vaddr     uint64 `json:"vaddr"`
		Size      uint64 `json:"size"`
		Part      bool   `json:"part,omitempty"`
		Entry     string `json:"entry"`
		EntryWhy  string `json:"entry_why,omitempty"`
		Return    string `json:"return"`
		ReturnWhy string `json:"return_why,omitempty"`
	}
	syscallView struct {
		Vaddr  uint64 `json:"vaddr"`
		Place  string `json:"place"`
		Number *int32 `json:"number,omitempty"`
		Unseen bool   `json:"unseen,omitempty"`
		Tactic string `json:"tactic"`
		Why    string `json:"why,omitempty"`
	}
	markerView struct {
		Provider  string `json:"provider"`
		Name      string `json:"name"`
		Vaddr     uint64 `json:"vaddr"`
		Arguments int    `json:"arguments"`
		Semaphore bool   `json:"semaphore"`
		Tactic    string `json:"tactic"`
		Why       string `json:"why,omitempty"`
	}
	summaryView struct {
		tallyView
		Long     tallyView    `json:"five_bytes_and_more"`
		Short    tallyView    `json:"shorter"`
		Parts    tallyView    `json:"cold_parts"`
		Syscalls siteView     `json:"syscalls"`
		USDT     siteView     `json:"usdt"`
		Refusals []reasonView `json:"refusals"`
	}
	// tallyView counts functions by tactic; those without one as refused.
	tallyView struct {
		Functions int     `json:"functions"`
		Entry     tactics `json:"entry"`
		Return    tactics `json:"return"`
	}
	siteView struct {
		Sites   int     `json:"sites"`
		Unseen  int     `json:"unseen,omitempty"`
		Tactics tactics `json:"tactics"`
	}
	reasonView struct {
		Why      string   `json:"why"`
		Entry    int      `json:"entry"`
		Return   int      `json:"return"`
		Syscall  int      `json:"syscall"`
		USDT     int      `json:"usdt"`
		Examples []string `json:"examples"`
	}
	tactics map[string]int
)

const refusedTactic = "refused"

func orRefused(tactic string) string { return cmp.Or(tactic, refusedTactic) }

// newBinaryView sums up a survey, and lists all of it, or what is refused.
func newBinaryView(path string, buildID []byte, s survey.Survey, refused bool) binaryView {
	v := binaryView{Path: path, BuildID: fmt.Sprintf("%x", buildID), Summary: summarize(s),
		Functions: []functionView{}, Syscalls: []syscallView{}, USDT: []markerView{}}
	for _, fn := range s.Functions {
		if !refused || fn.Refused() {
			v.Functions = append(v.Functions, functionView{fn.Name, fn.Vaddr, fn.Size, fn.Part, fn.Entry.Tactic, fn.Entry.Why, fn.Return.Tactic, fn.Return.Why})
		}
	}
	for _, c := range s.Syscalls {
		if !refused || !c.OK() {
			v.Syscalls = append(v.Syscalls, newSyscallView(c))
		}
	}
	for _, m := range s.Markers {
		if !refused || !m.OK() {
			v.USDT = append(v.USDT, markerView{m.Provider, m.Name, m.Addr, len(m.Args), m.Semaphore != 0, m.Tactic, m.Why})
		}
	}
	return v
}

func newSyscallView(c survey.Syscall) syscallView {
	v := syscallView{Vaddr: c.Vaddr, Place: c.Place, Unseen: c.Unseen, Tactic: c.Tactic, Why: c.Why}
	if c.Known {
		v.Number = &c.Number
	}
	return v
}

// jumpLen is what a jump takes: shorter functions need padding behind them.
const jumpLen = 5

func summarize(all survey.Survey) summaryView {
	s := summaryView{tallyView: newTally(), Long: newTally(), Short: newTally(), Parts: newTally(),
		Syscalls: siteView{Tactics: tactics{}}, USDT: siteView{Tactics: tactics{}}, Refusals: []reasonView{}}
	for _, fn := range all.Functions {
		s.addFunction(fn)
	}
	for _, c := range all.Syscalls {
		s.Syscalls.add(c.Half)
		if c.Unseen {
			s.Syscalls.Unseen++
		}
	}
	for _, m := range all.Markers {
		s.USDT.add(m.Half)
	}
	for _, r := range all.Reasons() {
		s.Refusals = append(s.Refusals, reasonView(r))
	}
	return s
}

func (s *summaryView) addFunction(fn survey.Function) {
	switch {
	case fn.Part:
		s.Parts.add(fn)
		return
	case fn.Size != 0 && fn.Size < jumpLen: // 0: nothing says how long it is
		s.Short.add(fn)
	default:
		s.Long.add(fn)
	}
	s.add(fn)
}

func newTally() tallyView { return tallyView{0, tactics{}, tactics{}} }

func (t *tallyView) add(fn survey.Function) {
	t.Functions++
	t.Entry[orRefused(fn.Entry.Tactic)]++
	t.Return[orRefused(fn.Return.Tactic)]++
}

func (s *siteView) add(h survey.Half) {
	s.Sites++
	s.Tactics[orRefused(h.Tactic)]++
}
