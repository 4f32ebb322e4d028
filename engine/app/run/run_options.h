#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dissect/limits.h"
#include "engine/audit/sink/record_values.h"
#include "engine/evaluate/evaluation_options.h"

namespace rpcaudit::app {

enum class RecordFormat : std::uint8_t { automatic, json, text };

// Whether text has colours; by itself on a terminal alone, unless NO_COLOR or TERM=dumb says that
// it has none.
enum class Color : std::uint8_t { automatic, always, never };

// A place that records go to.
struct OutputSpec {
  std::string path;  // `-` is standard output
  RecordFormat format = RecordFormat::automatic;
  Color color = Color::automatic;
  audit::RecordMarks marks = {};  // of JSON records
};

// What the command line says about the controls besides the RPC filters.
struct ControlOptions {
  bool what_if_restrict_remote_clients = false;
  bool observed_registrations = false;
  bool assume_assigned = false;
  bool treat_loopback_as_remote = false;
};

// What the command line asks of a command that reads captures. Fields that a command does not
// offer keep their defaults.
struct RunOptions {
  std::vector<std::string> captures;
  std::vector<std::string> policies;
  std::vector<std::string> listings;  // files of endpoints that mappers list
  std::string deployment;             // file; empty without one
  std::vector<std::string> outputs;   // as parse_output() reads them; standard output without any
  std::string packet_filter;
  std::string summary;                // file for the summary as data; empty without one
  std::optional<std::uint64_t> rows;  // of each part of the summary for people; 0: all
  audit::RecordMarks marks;           // of records and summary
  RecordFormat format = RecordFormat::automatic;
  Color color = Color::automatic;
  unsigned workers = 1;  // threads that dissect and judge; the records are the same for any number
  std::uint64_t suppress = 0;  // seconds for which calls of one kind are told together; 0: never
  std::uint64_t memory = 0;    // MiB for all that the process keeps; 0: what is usual
  dissect::TunnelTrust tunnels;
  evaluate::EvaluationOptions evaluation;  // what policies are judged for
  std::optional<policy::Behaviour> v4_order;
  ControlOptions controls;
  bool allow_empty = false;   // policies that ask for nothing are no error
  bool as_session = false;    // commands of separate processes count as those of one session
  bool only_checked = false;  // policies are not to judge anything
  bool all = false;
  bool quiet = false;
  bool verbose = false;
  bool no_sandbox = false;  // keep all system calls
  bool fail_on_would_block = false;
  bool fail_on_undecidable = false;
  bool fail_on_target = false;    // verdicts that depend on the target
  bool fail_on_readings = false;  // verdicts of which the sources allow another reading
};

}  // namespace rpcaudit::app
