#include "engine/audit/event/learned_endpoint.h"

#include <cctype>

namespace rpcaudit::audit {
namespace {

std::string pipe_name(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::string_view kPrefix = "\\pipe\\";
  const std::size_t at = name.find(kPrefix);
  return at == std::string::npos ? name : name.substr(at + kPrefix.size());
}

}  // namespace

LearnedEndpoint place_told(const dissect::EndpointEntry& entry) {
  LearnedEndpoint place;
  place.client = entry.client.address;
  place.server = entry.mapper.address;
  place.protocol = entry.protocol;
  place.port = entry.port.value_or(0);
  if (entry.protocol == dissect::TowerProtocol::ncacn_np) place.pipe = pipe_name(entry.name);
  return place;
}

LearnedEndpoint place_used(const dissect::RpcContext& context) {
  LearnedEndpoint place;
  place.client = context.client.address;
  place.server = context.server.address;
  place.protocol = dissect::tower_protocol(context.protocol);
  if (place.protocol == dissect::TowerProtocol::ncacn_np) {
    place.pipe = pipe_name(context.pipe);
  } else {
    place.port = context.server.port;
  }
  return place;
}

}  // namespace rpcaudit::audit
