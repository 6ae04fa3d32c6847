package vm

import "fmt"

func (in Instruction) String() string { return fmt.Sprintf("%#02x", uint8(in.OpCode)) }
