package helper

// Arg is the kind of an argument, as the kernel's bpf_arg_type.
type Arg uint8

// Proto is the prototype of a helper.
type Proto struct {
	ID   int32
	Name string // without "bpf_"
	Args []Arg
}

// ByID finds a prototype by the kernel's number.
func ByID(id int32) (Proto, bool) { return Proto{}, false }
