#pragma once

namespace rpcaudit::app {

// What the program tells its caller. When several apply: usage, then data, then finding, then
// nothing_evaluated.
enum class ExitStatus : int {
  done = 0,
  finding = 1,            // --fail-on was met
  refused = 1,            // netsh: a command was refused; Windows' netsh ends so, too
  usage = 2,              // wrong usage, or an error in a policy
  data = 3,               // input unreadable or truncated, or output lost
  nothing_evaluated = 4,  // no RPC was seen
};

}  // namespace rpcaudit::app
