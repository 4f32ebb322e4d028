#include "engine/audit/report/endpoint_inventory.h"

#include <algorithm>
#include <cctype>

namespace rpcaudit::audit {
namespace {

// Call-backs of the connectionless runtime to its clients (C706 appendix P): nobody looks them up.
constexpr Uuid kConv = uuid("333a2276-0000-0000-0d00-00809c000000");

constexpr std::string_view kPipePrefix = "\\pipe\\";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Pipes are written with and without their prefix, and with either case.
std::string prefixed_pipe_name(std::string_view text) {
  const std::string name = lower(text);
  const std::size_t at = name.find(kPipePrefix);
  return "\\PIPE\\" + (at == std::string::npos ? name : name.substr(at + kPipePrefix.size()));
}

// Where a context's server is; nothing for a pipe whose name was not seen.
std::optional<ServedEndpoint> endpoint_of(const dissect::RpcContext& context) {
  ServedEndpoint endpoint;
  endpoint.server = context.server.address;
  endpoint.protocol = dissect::tower_protocol(context.protocol);
  endpoint.interface = *context.abstract_syntax;
  if (!transport_of(context.protocol).is_pipe) {
    endpoint.port = context.server.port;
    return endpoint;
  }
  if (context.pipe.empty()) return std::nullopt;
  endpoint.name = prefixed_pipe_name(context.pipe);
  return endpoint;
}

}  // namespace

EndpointInventory::EndpointInventory(const dissect::Limits& limits)
    : of_contexts_(limits.context_slots()) {}

EndpointSighting* EndpointInventory::note(const ServedEndpoint& endpoint, Timestamp time) {
  auto found = endpoints_.find(endpoint);
  if (found == endpoints_.end()) {
    if (endpoints_.size() == kEndpointsMax) {
      ++overflow_;
      return nullptr;
    }
    found = endpoints_.emplace(endpoint, EndpointSighting{}).first;
    found->second.first_seen = time;
    found->second.last_seen = time;
  }
  EndpointSighting& sighting = found->second;
  sighting.first_seen = std::min(sighting.first_seen, time);
  sighting.last_seen = std::max(sighting.last_seen, time);
  return &sighting;
}

EndpointSighting* EndpointInventory::note_bound(const ServedEndpoint& endpoint,
                                                const IpAddress& client, Timestamp time) {
  EndpointSighting* const sighting = note(endpoint, time);
  if (sighting == nullptr) return nullptr;
  sighting->bound = true;
  if (sighting->clients.size() < EndpointSighting::kClientsMax) {
    sighting->clients.insert(client);
  } else if (!sighting->clients.contains(client)) {
    sighting->more_clients = true;
  }
  return sighting;
}

void EndpointInventory::on_context(const dissect::RpcContext& context) {
  of_contexts_[context.key.slot] = nullptr;
}

void EndpointInventory::on_context_result(const dissect::RpcContext& context) {
  if (context.result != dissect::ContextResult::accepted || !context.abstract_syntax) return;
  const std::optional<ServedEndpoint> endpoint = endpoint_of(context);
  if (!endpoint) return;
  of_contexts_[context.key.slot] =
      note_bound(*endpoint, context.client.address, context.frame.timestamp);
}

void EndpointInventory::on_context_closed(dissect::ContextKey key) {
  of_contexts_[key.slot] = nullptr;
}

void EndpointInventory::on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  if (EndpointSighting* const sighting = of_contexts_[context.key.slot]) {
    sighting->last_seen = std::max(sighting->last_seen, call.frame.timestamp);
  } else if (context.origin == dissect::ContextOrigin::stated &&
             context.abstract_syntax->uuid != kConv) {
    open_calls_[call.key.slot] = {*endpoint_of(context), context.client.address,
                                  call.frame.timestamp};
  }
}

void EndpointInventory::on_outcome(const dissect::RpcOutcome& outcome) {
  const auto call = open_calls_.find(outcome.call.slot);
  if (call == open_calls_.end()) return;
  if (outcome.outcome == dissect::Outcome::response) {
    note_bound(call->second.endpoint, call->second.client, call->second.time);
  }
  open_calls_.erase(call);
}

void EndpointInventory::on_endpoint(const dissect::EndpointEntry& entry) {
  if (entry.source == dissect::EndpointSource::removed) return;
  const bool is_pipe = entry.protocol == dissect::TowerProtocol::ncacn_np;
  if (is_pipe && entry.name.empty()) return;  // a server was asked over a pipe opened out of sight
  ServedEndpoint endpoint;
  endpoint.server = entry.mapper.address;
  endpoint.protocol = entry.protocol;
  endpoint.port = entry.port.value_or(0);
  endpoint.interface = entry.interface;
  endpoint.name = is_pipe ? prefixed_pipe_name(entry.name) : std::string(entry.name);
  EndpointSighting* const sighting = note(endpoint, entry.frame.timestamp);
  if (sighting == nullptr) return;
  sighting->announced = true;
  if (sighting->annotation.empty()) sighting->annotation = entry.annotation;
}

// Marks what was seen of the listed endpoint; false when nothing was.
bool EndpointInventory::mark_listed(const ServedEndpoint& endpoint,
                                    const policy::ListedEndpoint& listed) {
  bool found = false;
  for (auto at = endpoints_.lower_bound(endpoint); at != endpoints_.end(); ++at) {
    ServedEndpoint of_any_version = at->first;
    const dissect::SyntaxId seen = of_any_version.interface;
    of_any_version.interface = {seen.uuid, endpoint.interface.version_major,
                                endpoint.interface.version_minor};
    if (of_any_version != endpoint) break;
    if (listed.version && seen != endpoint.interface) break;
    at->second.listed = true;
    if (at->second.annotation.empty()) at->second.annotation = listed.annotation;
    found = true;
  }
  return found;
}

void EndpointInventory::note_listed(const policy::ListedEndpoint& listed, Timestamp time) {
  ServedEndpoint endpoint;
  endpoint.server = listed.server;
  endpoint.protocol = dissect::parse_tower_protocol(listed.protocol);
  endpoint.port = listed.port;
  endpoint.interface.uuid = listed.interface;
  if (listed.version) {
    endpoint.interface.version_major = listed.version->major;
    endpoint.interface.version_minor = listed.version->minor;
  }
  const bool is_pipe = endpoint.protocol == dissect::TowerProtocol::ncacn_np;
  endpoint.name = is_pipe ? prefixed_pipe_name(listed.name) : listed.name;
  if (mark_listed(endpoint, listed)) return;
  EndpointSighting* const sighting = note(endpoint, time);
  if (sighting == nullptr) return;
  sighting->listed = true;
  sighting->has_version = listed.version.has_value();
  sighting->annotation = listed.annotation;
}

}  // namespace rpcaudit::audit
