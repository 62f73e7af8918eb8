//go:build !wasip1

package handler

// Outside WebAssembly there is no gateway. `go vet` and editors need the functions, and tests of
// plain functions run; a call of the gateway panics.

const callDone = 0xff

func none() string {
	return "there is no gateway here: run the handler by `tollgate plugin test`"
}

func logLine(uint32, string, [][2]string)                 {}
func configGet(string) (string, bool)                     { panic(none()) }
func configEntries() [][2]string                          { panic(none()) }
func stateGet(string) ([]byte, bool, uint8)               { panic(none()) }
func stateSet(string, []byte) uint8                       { panic(none()) }
func stateDelete(string) uint8                            { panic(none()) }
func stateAdd(string, int64) uint8                        { panic(none()) }
func stateList(string, string, uint32) ([]Entry, uint8)   { panic(none()) }
func outboxSend(Request) (string, uint8, string)          { panic(none()) }
func emit(string, string, []byte) (string, uint8, string) { panic(none()) }
func ask(Question) (*Reply, uint8, string)                { panic(none()) }
func scheduleCancel(string) uint8                         { panic(none()) }
func resolvedObject(uint32)                               { panic(none()) }
func resolvedEvent(uint32)                                { panic(none()) }
func resolved(func(uint32)) *Answer                       { panic(none()) }
func schedulePut(string, uint32, uint64, string, string, []byte) (uint8, string) {
	panic(none())
}
