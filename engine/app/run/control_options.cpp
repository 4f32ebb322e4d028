#include "engine/app/run/control_options.h"

#include <CLI/CLI.hpp>
#include <string>

namespace rpcaudit::app {

void add_control_options(CLI::App& command, ControlOptions& options) {
  command
      .add_option_function<std::string>(
          "--what-if",
          [&options](const std::string& text) {
            if (text != "restrict_remote_clients=0..2" && text != "restrict_remote_clients") {
              throw CLI::ValidationError("--what-if", "`" + text + "` is not known; it takes " +
                                                          "restrict_remote_clients=0..2");
            }
            options.what_if_restrict_remote_clients = true;
          },
          "Judge by every value of a setting in one run: restrict_remote_clients=0..2")
      ->type_name("SETTING=VALUES");
  command.add_flag("--observed-registrations", options.observed_registrations,
                   "Take interfaces that the policy does not list as registered the way Windows'\n"
                   "own servers were observed to register them");
  command.add_flag("--assume-assigned", options.assume_assigned,
                   "Judge by IPsec policies that nobody assigns, too");
  command.add_flag("--treat-loopback-as-remote", options.treat_loopback_as_remote,
                   "Take callers on the server itself for remote ones: for captures of a lab");
}

void apply(const ControlOptions& options, policy::HostSettings& host) {
  host.what_if_restrict_remote_clients |= options.what_if_restrict_remote_clients;
  host.use_observed_registrations |= options.observed_registrations;
  host.ipsec.assume_assigned |= options.assume_assigned;
  host.treat_loopback_as_remote |= options.treat_loopback_as_remote;
}

}  // namespace rpcaudit::app
