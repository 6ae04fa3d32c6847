package trampoline

import (
	"cmp"
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// placeSession puts programs on the function of which some run at its entry and at its
// return, and keep words in the stack in between: internal/native/thunks_session.S.
func (a *Arena) placeSession(f *Function, w window, p Probes, points []*point) Outcome {
	if len(p.Session) > abi.SESSION_MAX {
		return Outcome{Err: refuse("%d session programs at one function; %d are the most", len(p.Session), abi.SESSION_MAX)}
	}
	how, err := f.planSession(w)
	if err != nil {
		return Outcome{Err: err}
	}
	entry, ret := withSessions(p.Entry, p.Session, 0), withSessions(p.Return, p.Session, 1)
	w.claim(points)
	err = a.atomically(func() error {
		stub, err := a.sessionStub(f, w, entry, ret, how)
		if err != nil {
			return err
		}
		return a.patch(w, stub)
	})
	if err == nil {
		w.settle(Outcome{Tactic: w.tactic})
	}
	return Outcome{Tactic: how.tactic, Err: err}
}

// planSession wants a return address that stays in its place.
func (f *Function) planSession(w window) (returnPlan, error) {
	how, err := f.planReturn(w)
	if err != nil || how.tactic == abi.TACTIC_RETURN_A || how.tactic == abi.TACTIC_RETURN_B {
		return how, err
	}
	_, why := f.frameWords()
	if why == nil {
		why = refuse("it reads more than %d words of its caller's frame", maxWords)
	}
	return how, refuse("a session keeps its words right below the return address (return-a, return-b): %v", why)
}

// withSessions numbers session programs and puts them among others, by their links.
func withSessions(others, sessions []Program, again int64) []Program {
	all := slices.Clone(others)
	for i, p := range sessions {
		p.session, p.again = uint32(i+1), again
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b Program) int { return cmp.Compare(a.Link, b.Link) })
	return all
}

// sessionStub is a returnStub that makes room for the words:
//
//	      .quad runs_of_entry
//	stub: lea   -SESSION_WORDS(%rsp), %rsp
//	      call  *session_entry(%rip)
//	      push  body_slot(%rip)
//	      jmp   *session_return(%rip)
//	      …
//	body: <displaced>; jmp back
func (a *Arena) sessionStub(f *Function, w window, entry, ret []Program, how returnPlan) (uint32, error) {
	a.lists(w)
	fn := f.pieces[0].Lo
	runs, slot := a.runs(ret, fn, 0), a.slot(sessionHelper(how))
	skip := uint32(0)
	if slices.ContainsFunc(entry, overrides) {
		a.Align(16)
		skip = a.returnCall(runs, slot)
		a.Emit(opRet)
	}
	list, call := a.runs(entry, fn, skip), a.slot(abi.HELPER_SESSION_ENTRY)
	a.alignBehind(8)
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(list))
	stub := a.Emit(0x48, 0x8d, 0x64, 0x24, 0x100-abi.SESSION_WORDS)
	a.callSlot(call)
	a.returnCall(runs, slot)
	return stub, a.displaced(w)
}

func sessionHelper(how returnPlan) uint32 {
	if how.tactic == abi.TACTIC_RETURN_B {
		return abi.HELPER_SESSION_RETURN_COPY + uint32(how.words)/2 - 1
	}
	return abi.HELPER_SESSION_RETURN
}
