"""Run a network on samples, compare what it does, and make a report of it.

evaluation                      run a network over a task's samples, or those in a given_input;
                                array_file opens one, measures what a report measures of a run
report_request                  what a person asks report for
report_run, report_files        what report does before it prints, and the files it may write
report_options, report_words    the options of report, and what --compare names
side_by_side                    networks side by side
comparison, proof               compare two runs and two backends; a network with its integer twin
trained_network                 compare with the trained network beside a file
provenance                      where a report comes from
kept_sample, spike_file, trace  what is kept of a run: one sample, all spikes, what explains a drop
"""
