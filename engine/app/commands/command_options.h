#pragma once

#include "engine/app/line/option_table.h"
#include "engine/app/run/run_options.h"

namespace rpcaudit::app {

// What is wrong where a command needs a capture.
inline constexpr const char* kNoCapture =
    "no capture is named: give a file, a folder, or - for standard input";

// Options that several commands have in common, so that hands need to learn them once. The tables
// borrow `options`.
void add_capture_options(OptionTable& table, RunOptions& options, bool required);
// Which tunnels are trusted.
void add_tunnel_options(OptionTable& table, dissect::TunnelTrust& tunnels);
// What a run may take of the machine.
void add_process_options(OptionTable& table, RunOptions& options);
void add_policy_options(OptionTable& table, RunOptions& options, bool required);
// For what policies are judged.
void add_target_options(OptionTable& table, RunOptions& options);
// The controls besides the RPC filters.
void add_control_options(OptionTable& table, ControlOptions& options);
// Where records go, and in which form.
void add_record_options(OptionTable& table, RunOptions& options);
// What is said besides, by how many workers it is done, and what they may take.
void add_run_options(OptionTable& table, RunOptions& options);
// What is said besides, and what the run may take, by one thread.
void add_reading_options(OptionTable& table, RunOptions& options);
// Options of records and of the run, and the summary as data.
void add_output_options(OptionTable& table, RunOptions& options);

// `--format`, json or text.
[[nodiscard]] Option format_option(RecordFormat& format, const char* help);

}  // namespace rpcaudit::app
