// A wrong UUID constant is found when compiling, not when a call is missed.
#include "dissect/uuid.h"

constexpr rpcaudit::Uuid kDrsuapi = rpcaudit::uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
#ifdef MUST_NOT_COMPILE
constexpr rpcaudit::Uuid kWrong = rpcaudit::uuid("not a uuid");
#endif

int main() { return kDrsuapi.is_nil() ? 1 : 0; }
