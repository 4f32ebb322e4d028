#pragma once

#include <cstdint>
#include <string>

#include "capture/live/pcap_live.h"
#include "engine/app/live/destination.h"
#include "engine/app/operate/operation.h"
#include "engine/app/run/run_options.h"

namespace rpcaudit::app {

// What the command line asks of a capture that goes on, besides what it asks of every run.
struct LiveRunOptions {
  RunOptions run;  // its captures are the names of the interfaces
  capture::LiveOptions capture;
  Rotation rotation;                  // of files of records
  std::uint64_t stats_interval = 60;  // seconds between records of counters
  OperationOptions operation;
  std::vector<unsigned> cpus;  // that workers run on, in turn; empty: on any
  std::string user;            // to become once the interfaces are open; empty: nobody else
};

}  // namespace rpcaudit::app
