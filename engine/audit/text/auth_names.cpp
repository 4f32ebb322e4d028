#include "engine/audit/text/auth_names.h"

namespace rpcaudit::audit {

std::string auth_type_name(std::uint8_t type) {
  switch (type) {
    case 0: return "no security";
    case 1: return "DCE private";
    case 2: return "DCE public";
    case 9: return "Negotiate";
    case 10: return "NTLM";
    case 14: return "Schannel";
    case 16: return "Kerberos";
    case 17: return "DPA";
    case 18: return "MSN";
    case 21: return "Digest";
    case 30: return "NegoExtender";
    case 68: return "Netlogon";
    case 100: return "message queuing";
    default: return "auth type " + std::to_string(type);
  }
}

std::string auth_level_name(std::uint8_t level) {
  switch (level) {
    case 0: return "default level";
    case 1: return "no level";
    case 2: return "connect";
    case 3: return "call";
    case 4: return "packet";
    case 5: return "integrity";
    case 6: return "privacy";
    default: return "level " + std::to_string(level);
  }
}

}  // namespace rpcaudit::audit
