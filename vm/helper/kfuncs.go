package helper

// kfuncs are functions of the kernel that objects call by name (.ksyms), and that there
// are here too: as helpers, of numbers that the kernel has not given out.
var kfuncs = []Proto{
	{ID: 240, Name: "session_is_return"},
	{ID: 241, Name: "session_cookie", Ret: PtrToCookie},
	{ID: 242, Name: "arena_alloc_pages", Args: []Arg{ConstMapPtr, Anything, Anything, Anything, Anything}, Ret: PtrToArena},
	{ID: 243, Name: "arena_free_pages", Args: []Arg{ConstMapPtr, Anything, Anything}, Ret: Void},
	{ID: 244, Name: "arena_reserve_pages", Args: []Arg{ConstMapPtr, Anything, Anything}},
}

// Kfunc finds a function of the kernel by its name, with "bpf_".
func Kfunc(name string) (Proto, bool) {
	for _, p := range kfuncs {
		if "bpf_"+p.Name == name {
			return p, true
		}
	}
	return Proto{}, false
}
