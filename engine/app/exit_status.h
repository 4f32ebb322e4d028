#pragma once

namespace rpcaudit::app {

// The exit status of the program. When several apply: usage, then the one of a run that was
// stopped, then data, then finding, then nothing_evaluated.
enum class ExitStatus : int {
  done = 0,
  finding = 1,            // --fail-on was met
  refused = 1,            // netsh: a command was refused; Windows' netsh ends so, too
  usage = 2,              // wrong usage, or an error in a policy
  data = 3,               // input unreadable or truncated, or output lost
  nothing_evaluated = 4,  // no RPC was seen
  // The run ended before its input did: 128 and the signal, as shells have it.
  interrupted = 128 + 2,  // SIGINT
  terminated = 128 + 15,  // SIGTERM
};

}  // namespace rpcaudit::app
