// An OCI runtime that asks of runc only what this machine can grant.
//
// Container engines ask for a full set of rights (`--privileged`: every capability that the kernel knows). Where the
// machine itself was started with fewer, runc fails. This program stands in front of runc: it takes the capabilities
// that are missing here out of the container's configuration, and, where SYS_RESOURCE is one of them, what only
// SYS_RESOURCE may do (raising hard limits, lowering the OOM score). Everything else goes through untouched.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const sysResource = 24

// names lists the capabilities in the kernel's order (include/uapi/linux/capability.h).
var names = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// limits maps the names of an OCI configuration to the kernel's numbers, which the syscall package lacks in part.
var limits = map[string]int{
	"RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
	"RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10,
	"RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
}

// machine is what the process that starts the container may hand on.
type machine struct {
	capabilities uint64
	oomScore     int
	hardLimit    func(name string) (uint64, bool)
}

func main() {
	if err := trim(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "localkube-runc:", err)
		os.Exit(1)
	}
	runc, err := find("runc")
	if err != nil {
		fmt.Fprintln(os.Stderr, "localkube-runc:", err)
		os.Exit(127)
	}
	err = syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "localkube-runc:", err)
	os.Exit(126)
}

// find looks in PATH, and where it is empty (Podman kills containers with no environment at all) in the usual places.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, folder := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if path, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s in PATH or the system's folders", program)
}

// trim rewrites the file that describes the process which this call of runc is to start, if it starts one.
func trim(args []string) error {
	file, wrapped := described(args)
	if file == "" {
		return nil
	}
	here, err := thisMachine()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	trimmed, err := trimText(text, wrapped, here)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if bytes.Equal(trimmed, text) {
		return nil
	}
	return os.WriteFile(file, trimmed, 0o600)
}

// described names the file that holds the process, and whether it is wrapped in a whole container's configuration.
func described(args []string) (file string, wrapped bool) {
	switch subcommand(args) {
	case "create", "run", "restore":
		bundle := option(args, "bundle", "b")
		return filepath.Join(bundle, "config.json"), true
	case "exec":
		return option(args, "process", "p"), false
	}
	return "", false
}

// subcommand skips the global options: those that take a value may bring it as a word of its own.
func subcommand(args []string) string {
	for i := 0; i < len(args); i++ {
		switch name := strings.TrimLeft(args[i], "-"); {
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		case name == "root" || name == "log" || name == "log-format" || name == "criu" || name == "rootless":
			i++
		}
	}
	return ""
}

// option finds the value of --name or -short, in one word or in two.
func option(args []string, name, short string) string {
	for i, word := range args {
		key, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "-") || (key != name && key != short) {
			continue
		}
		if joined {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// trimText keeps the text byte for byte where nothing has to go, and numbers as they are written where something has.
func trimText(text []byte, wrapped bool, here machine) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var whole map[string]any
	if err := decoder.Decode(&whole); err != nil {
		return nil, err
	}
	process := whole
	if wrapped {
		process, _ = whole["process"].(map[string]any)
	}
	if process == nil || !trimProcess(process, here) {
		return text, nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(whole)
	return out.Bytes(), err
}

func trimProcess(process map[string]any, here machine) (changed bool) {
	if sets, ok := process["capabilities"].(map[string]any); ok {
		for name, set := range sets {
			if list, ok := set.([]any); ok {
				kept := granted(list, here.capabilities)
				changed = changed || len(kept) != len(list)
				sets[name] = kept
			}
		}
	}
	if here.capabilities&(1<<sysResource) != 0 {
		return changed
	}
	if score, ok := process["oomScoreAdj"].(json.Number); ok {
		if asked, err := score.Int64(); err == nil && int(asked) < here.oomScore {
			delete(process, "oomScoreAdj")
			changed = true
		}
	}
	if list, ok := process["rlimits"].([]any); ok {
		for _, entry := range list {
			if limit, ok := entry.(map[string]any); ok {
				changed = clamp(limit, here) || changed
			}
		}
	}
	return changed
}

func granted(list []any, capabilities uint64) []any {
	kept := []any{}
	for _, entry := range list {
		if name, ok := entry.(string); !ok || has(capabilities, name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// has answers yes for names that it does not know: runc is to judge them.
func has(capabilities uint64, name string) bool {
	name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	for bit, known := range names {
		if known == name {
			return capabilities&(1<<bit) != 0
		}
	}
	return true
}

// clamp lowers a limit to the hard limit that this process has itself: no more can be handed on.
func clamp(limit map[string]any, here machine) (changed bool) {
	name, _ := limit["type"].(string)
	most, known := here.hardLimit(name)
	if !known {
		return false
	}
	for _, key := range []string{"hard", "soft"} {
		number, _ := limit[key].(json.Number)
		asked, err := strconv.ParseUint(number.String(), 10, 64)
		if err == nil && asked > most {
			limit[key] = json.Number(strconv.FormatUint(most, 10))
			changed = true
		}
	}
	return changed
}

func thisMachine() (machine, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return machine{}, err
	}
	bounding, err := capabilitySet(string(status), "CapBnd")
	if err != nil {
		return machine{}, err
	}
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return machine{}, err
	}
	oomScore, err := strconv.Atoi(strings.TrimSpace(string(score)))
	return machine{bounding, oomScore, ownHardLimit}, err
}

func capabilitySet(status, name string) (uint64, error) {
	for _, line := range strings.Split(status, "\n") {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}

func ownHardLimit(name string) (uint64, bool) {
	number, known := limits[name]
	var limit syscall.Rlimit
	if !known || syscall.Getrlimit(number, &limit) != nil {
		return 0, false
	}
	return limit.Max, true
}
