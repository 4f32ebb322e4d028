#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "capture/frame_source.h"
#include "engine/app/exit_status.h"
#include "engine/app/log.h"
#include "engine/app/process/memory_plan.h"
#include "engine/app/run/audit_run.h"
#include "engine/app/run/output_file.h"
#include "engine/app/run/run_options.h"

namespace rpcaudit::app {

// Opens the captures named; says what keeps it from doing so and returns nothing. Frames stay valid
// for `loans` reads; with `stop` ends the wait for an input that does not go on. What decompresses
// the inputs stays within its share of the memory.
[[nodiscard]] std::unique_ptr<capture::FrameSource> open_source(const RunOptions& options,
                                                                const MemoryPlan& memory,
                                                                const Stop& stop, Log& log,
                                                                std::size_t loans = 1);

// The files that a run reads: captures, policies, and what those name.
[[nodiscard]] std::vector<FileIdentity> files_read(const RunOptions& options,
                                                   const capture::FrameSource& source,
                                                   const evaluate::ServerPolicies* policies);

// The memory that the options allow, shared out; says what is wrong and returns nothing when that
// is too little. `queue_bytes` is what each output may hold.
[[nodiscard]] std::optional<MemoryPlan> share_memory(const RunOptions& options,
                                                     bool follow_openings, Log& log,
                                                     std::size_t queue_bytes = 0);

// Attempts to open connections are followed only where a policy has a say in them.
[[nodiscard]] bool follows_openings(const audit::AuditOptions& audit);

// Drops to the system calls that reading and writing takes, unless the options say otherwise. To be
// called when everything but the captures of folders is open.
void drop_privileges(const RunOptions& options, Log& log);

// The commands that write records: captures in, records out, summary on standard error. `audit` is
// without a policy for a plain log of calls.
[[nodiscard]] ExitStatus run_records(const RunOptions& options, audit::AuditOptions audit,
                                     RecordFormat on_terminal, Log& log);

}  // namespace rpcaudit::app
