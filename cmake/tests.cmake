# Tests that are no C programs of tests/: the installed library from outside, the examples, the texts. Exit status 77 is a skip.
function(heed_script_test name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

if(HEED_SANITIZE)
  set(sanitized sanitized)
endif()
set(tests ${CMAKE_SOURCE_DIR}/tests)
heed_script_test(install sh ${tests}/install.sh ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR} ${CMAKE_C_COMPILER}
  ${sanitized})
set_tests_properties(install PROPERTIES ENVIRONMENT "CMAKE_GENERATOR=${CMAKE_GENERATOR}")
heed_script_test(bench sh ${tests}/bench.sh $<TARGET_FILE:heed-bench>)
heed_script_test(decode sh ${tests}/decode.sh ${CMAKE_BINARY_DIR}/heed)
add_test(NAME documents COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DHEED=$<TARGET_FILE:heed_cli>
  -P ${tests}/documents.cmake)
if(HEED_EXAMPLES)
  foreach(name first model own_op)
    heed_script_test(example_${name} example_${name})
  endforeach()
  heed_script_test(example_checkpoint sh ${tests}/example_checkpoint.sh $<TARGET_FILE:heed_cli> $<TARGET_FILE:example_checkpoint>)
endif()

# A test for every experiment of the list: its quick form shows what it claims.
file(GLOB claims CONFIGURE_DEPENDS ${tests}/claims/*.c)
add_executable(experiment_claims ${claims})
set_target_properties(experiment_claims PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_compile_definitions(experiment_claims PRIVATE HEED_COMMAND="${CMAKE_BINARY_DIR}/heed" SANITIZED=$<BOOL:${HEED_SANITIZE}>)
target_link_libraries(experiment_claims PRIVATE heed heed_flags ${CUNIT_LIBRARY})
add_dependencies(experiment_claims heed_cli)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/experiments/list.h)
file(READ ${CMAKE_SOURCE_DIR}/experiments/list.h experiments)
string(REGEX MATCHALL "\n    X\\([a-z0-9_]+" experiments "${experiments}") # whole lines end in \\, which would join them in a CMake list
foreach(name IN LISTS experiments)
  string(REGEX REPLACE ".*\\(" "" name "${name}")
  add_test(NAME experiment_${name} COMMAND experiment_claims ${name})
endforeach()
