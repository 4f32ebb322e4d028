#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/exit_status.h"
#include "engine/app/log.h"
#include "engine/app/run/audit_run.h"
#include "engine/app/run/output_file.h"
#include "engine/app/run/run_options.h"

namespace rpcaudit::app {

// Writes to standard error, waiting where it has to; false when not all arrived.
[[nodiscard]] bool write_to_standard_error(std::string_view text);

// What was wrong with the inputs, each with its name.
[[nodiscard]] std::vector<std::string> problems_of(const capture::FrameSource& source);

// How many files of folders were left out, as they are no captures.
[[nodiscard]] std::uint64_t skipped_of(const capture::FrameSource& source);

// The exit status of a run that was stopped; nothing for one that ended by itself. Says so, unless
// nobody is there who could read it.
[[nodiscard]] std::optional<ExitStatus> report_stop(const ReadRun& run, Log& log);

// Tells `sink` the counters of the run.
void write_statistics(const RunOptions& options, const AuditRun& run, audit::EventSink& sink);

// Tells people what the run gave, and the caller how it ended. `problems` are what was wrong with
// inputs and outputs, `skipped` is of the inputs; `policies` may be null. `summary` gets the
// summary as data and is finished; closed, it gets none.
[[nodiscard]] ExitStatus report(const RunOptions& options, const AuditRun& run,
                                std::vector<std::string> problems,
                                const capture::FrameSource& source,
                                const evaluate::ServerPolicies* policies, OutputFile& summary,
                                Log& log);

}  // namespace rpcaudit::app
